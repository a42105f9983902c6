//! Events, cached values and reservations exchanged with a service written for Node, and validators
//! exported for it.
//!
//! Runs if `node` and `npm` are present. If not, it passes with a note, because a Rust toolchain
//! and a server have to suffice for the tests.

mod contract;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cache_runtime::dedup::{Json, Release, Reservation};
use cache_runtime::{Bus, Dedup, InvalidationEvent, RedisCache, cache_invalidation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use support::{Child, Recorder, Server};
use tokio::process::Command;
use tokio::sync::OnceCell;

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

const SOURCES: [(&str, &str); 4] = [
    ("client.mjs", include_str!("client.mjs")),
    ("contract.mjs", include_str!("contract.mjs")),
    ("package.json", include_str!("package.json")),
    ("package-lock.json", include_str!("package-lock.json")),
];

const LONG: Duration = Duration::from_secs(3600);

/// The folder of the Node client with its dependencies; `None`, with a note, where there is no Node. One
/// test at a time installs them.
///
/// # Panics
///
/// If there is no Node although the variable `CI` is set.
async fn client() -> Option<PathBuf> {
    static INSTALLED: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    INSTALLED.get_or_init(install).await.clone()
}

async fn install() -> Option<PathBuf> {
    for program in ["node", "npm"] {
        let version = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .await;
        if let Err(error) = version {
            assert!(
                env::var_os("CI").is_none(),
                "this test needs `{program}`, which `bash tests/node.sh` installs: {error}"
            );
            println!("not run, because this machine has no `{program}`: {error}");
            return None;
        }
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("node");
    fs::create_dir_all(&folder).expect("the build folder can be written to");
    for (name, text) in SOURCES {
        fs::write(folder.join(name), text).expect("the build folder can be written to");
    }
    let modules = folder.join("node_modules");
    let packages = ["ajv", "ioredis", "typescript", "zod"];
    if !packages.iter().all(|name| modules.join(name).is_dir()) {
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

/// A running client.
async fn run(folder: &Path, server: &Server, channel: &str) -> Child {
    let mut node = Command::new("node");
    node.arg(folder.join("client.mjs"))
        .args([&*server.url(), channel]);
    let mut node = Child::run(node);
    node.says("ready").await;
    node
}

/// Runs a command as the Node service, and returns what it reads.
async fn command(node: &mut Child, words: Value) -> Value {
    node.tell(&json!({ "run": words }).to_string()).await;
    let answer = node.says("answered").await;
    serde_json::from_str(answer.strip_prefix("answered ").unwrap()).unwrap()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    model_id: String,
    price: Option<f64>,
}

fn model(id: &str, price: Option<f64>) -> Model {
    Model {
        model_id: id.to_owned(),
        price,
    }
}

#[tokio::test]
async fn each_reads_the_values_that_the_other_has_cached() {
    let Some(folder) = client().await else {
        return;
    };
    let server = Server::start().await;
    let mut node = run(&folder, &server, "cache:settings").await;
    let bus = Bus::redis(server.url()).connect().await.unwrap();
    let models = RedisCache::<Vec<Model>>::builder(&bus, "openrouter", LONG);
    let models = models.load_lock(LONG).build().unwrap();

    let theirs = json!([{"price": 0.1, "modelId": "\u{e9}\u{1f600}\"\\\n\u{2028}"}, {"modelId": "b", "price": null}]);
    let set = json!(["SETEX", "openrouter:models", "3600", theirs]);
    assert_eq!(command(&mut node, set).await, "OK");
    let read = models.get("models").await.unwrap().unwrap();
    let expected = [
        model("\u{e9}\u{1f600}\"\\\n\u{2028}", Some(0.1)),
        model("b", None),
    ];
    assert_eq!(read, expected);

    let load = || async { vec![model("c", Some(1e-7))] };
    models.get_or_load("other", load).await.unwrap();
    let get = json!(["GET", "openrouter:other"]);
    let expected = json!([{"modelId": "c", "price": 1e-7}]);
    assert_eq!(command(&mut node, get).await, expected);

    // With keys as the other service has chosen them.
    let pictures = RedisCache::<String>::builder(&bus, "pictures", LONG);
    let pictures = pictures.key_by(|id| format!("vision:{id}:description"));
    let pictures = pictures.build().unwrap();
    pictures.insert("7", "a cat".to_owned()).await.unwrap();
    let get = json!(["GET", "vision:7:description"]);
    assert_eq!(command(&mut node, get).await, "a cat");
    let delete = json!(["DEL", "vision:7:description"]);
    assert_eq!(command(&mut node, delete).await, 1);
    assert_eq!(pictures.get("7").await.unwrap(), None);
    assert!(node.finish().await.success());
}

#[tokio::test]
async fn each_respects_what_the_other_has_reserved() {
    let Some(folder) = client().await else {
        return;
    };
    let server = Server::start().await;
    let mut node = run(&folder, &server, "cache:settings").await;
    let bus = Bus::redis(server.url()).connect().await.unwrap();
    let requests = Dedup::builder(&bus, "requests")
        .ttl(LONG)
        .key_by(|key| format!("dedup:{key}"))
        .codec(Json::owner("requestId").with("timestamp", |_| 1_700_000_000_000_u64))
        .build()
        .unwrap();

    let theirs = json!({"timestamp": 1, "requestId": "r-1"});
    let reserve = |key: &str| json!(["SET", key, theirs, "EX", "60", "NX"]);
    assert_eq!(command(&mut node, reserve("dedup:a")).await, "OK");
    let owner = "r-1".to_owned();
    let reserved = requests.reserve("a", "r-2").await;
    assert_eq!(reserved, Ok(Reservation::Duplicate { owner }));
    assert_eq!(requests.release("a", "r-1").await, Ok(Release::Released));

    let reserved = requests.reserve("b", "r-3").await;
    assert_eq!(reserved, Ok(Reservation::Reserved));
    assert_eq!(command(&mut node, reserve("dedup:b")).await, Value::Null);
    let record = command(&mut node, json!(["GET", "dedup:b"])).await;
    assert_eq!(record["requestId"], "r-3");
    assert_eq!(record["timestamp"], 1_700_000_000_000_u64);
    assert_eq!(requests.size().await, Ok(1));
    assert!(node.finish().await.success());
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
    let mut node = run(&folder, &server, settings.channel()).await;

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
