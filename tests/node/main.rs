//! Events exchanged with a service written for Node.
//!
//! Runs if `node` and `npm` are present. If not, it passes with a note, because a Rust toolchain
//! and a server have to suffice for the tests.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
use support::{Child, Recorder, Server};
use tokio::process::Command;

#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
enum SettingsEvent {
    Setting {
        setting_key: String,
        #[invalidation(non_empty)]
        affected_ids: Vec<u64>,
    },
    All,
}

#[cache_invalidation(channel = "cache:settings", event = SettingsEvent)]
struct Settings;

const SOURCES: [(&str, &str); 3] = [
    ("client.mjs", include_str!("client.mjs")),
    ("package.json", include_str!("package.json")),
    ("package-lock.json", include_str!("package-lock.json")),
];

/// The folder of the Node client with its dependencies; `None` where there is no Node.
async fn client() -> Option<PathBuf> {
    for program in ["node", "npm"] {
        let version = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .await;
        if let Err(error) = version {
            println!("not run, because this machine has no `{program}`: {error}");
            return None;
        }
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("node");
    fs::create_dir_all(&folder).expect("the build folder can be written to");
    for (name, text) in SOURCES {
        fs::write(folder.join(name), text).expect("the build folder can be written to");
    }
    if !folder.join("node_modules/ioredis").is_dir() {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder);
        let output = npm.output().await.expect("npm runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "npm could not install the Node client:\n{text}"
        );
    }
    Some(folder)
}

#[tokio::test]
async fn exchanges_events_with_a_service_in_both_directions() {
    let Some(folder) = client().await else {
        return;
    };
    let server = Server::start().await;
    // A long lease, because the test counts events: a busy machine must not cause a flush.
    let bus = Bus::redis(server.url()).lease(Duration::from_secs(3600));
    let bus = bus.connect().await.unwrap();
    let settings = Settings::new(&bus);
    let seen = Recorder::new();
    let _guard = settings.subscribe(seen.handler());
    settings.ready().await.unwrap();
    let mut node = Command::new("node");
    node.arg(folder.join("client.mjs"))
        .args([&*server.url(), settings.channel()]);
    let mut node = Child::run(node);
    node.says("ready").await;

    // Characters that the two languages might escape differently.
    let key = "motd/\u{e9}\u{1f600}\"\\\n\u{7f}\u{2028}";
    settings
        .invalidate_setting(key, vec![1, 1 << 53])
        .await
        .unwrap();
    let got = node.says("got").await;
    let event = format!(
        r#"got {{"type":"setting","settingKey":{},"affectedIds":[1,9007199254740992]}}"#,
        serde_json::to_string(key).unwrap()
    );
    assert_eq!(got, event);
    settings.invalidate_all().await.unwrap();
    assert_eq!(node.says("got").await, r#"got {"type":"all"}"#);

    // The bus hears its own events too.
    let own =
        |events: &[SettingsEvent]| events.len() > 1 && events.last() == Some(&SettingsEvent::All);
    seen.until("its own events", |events| own(events)).await;
    seen.clear();
    let key = serde_json::to_string(key).unwrap();
    node.tell(&format!(
        r#"{{"affectedIds":[3],"settingKey":{key},"type":"setting"}}"#
    ))
    .await;
    node.says("reached 2").await;
    node.tell(r#"{"type":"setting","settingKey":"last","affectedIds":[4]}"#)
        .await;
    let last = setting("last", 4);
    let events = seen
        .until("the second event", |events| events.contains(&last))
        .await;
    let first = setting("motd/\u{e9}\u{1f600}\"\\\n\u{7f}\u{2028}", 3);
    assert_eq!(events, [first, last]);
    assert_eq!(settings.stats().rejected, 0);

    // A message that is rejected causes a flush.
    seen.clear();
    node.tell(r#"{"type":"setting","settingKey":"none","affectedIds":[]}"#)
        .await;
    seen.until("`All`", |events| events.contains(&SettingsEvent::All))
        .await;
    assert_eq!(settings.stats().rejected, 1);
    assert!(node.finish().await.success());
}

fn setting(key: &str, id: u64) -> SettingsEvent {
    SettingsEvent::Setting {
        setting_key: key.to_owned(),
        affected_ids: vec![id],
    }
}
