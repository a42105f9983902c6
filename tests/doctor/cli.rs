//! The program, with the events of this one.

use std::process::ExitCode;

use cache_runtime::{Bus, cli};
use serde_json::Value;
use support::{Server, within};

use crate::fixture::{CHANNEL, People, PersonEvent};

/// What the program prints and returns, when it is started with these arguments.
async fn run(arguments: &[&str]) -> (String, String, ExitCode) {
    let arguments: Vec<_> = arguments.iter().map(Into::into).collect();
    let running = tokio::task::spawn_blocking(move || {
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let code = cli::main_with(arguments, &mut out, &mut errors);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(out), text(errors), code)
    });
    within("the program to end", running).await.unwrap()
}

fn is(code: ExitCode, expected: ExitCode) -> bool {
    format!("{code:?}") == format!("{expected:?}")
}

#[tokio::test]
async fn doctor() {
    let mut server = Server::start().await;
    let url = server.url();
    let (out, errors, code) = run(&["doctor", "--redis", &url, "--channel", "cache:x"]).await;
    assert!(
        is(code, ExitCode::SUCCESS) && errors.is_empty(),
        "{out}{errors}"
    );
    for line in ["passed    server: ", "channel cache:x: live", CHANNEL] {
        assert!(out.contains(line), "{out}");
    }
    let (out, ..) = run(&["doctor", "--json", "--redis", &url]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["well"], true);
    server.kill9();
    let (out, errors, code) = run(&["doctor", "--redis", &url]).await;
    assert!(
        is(code, ExitCode::FAILURE) && errors.is_empty(),
        "{out}{errors}"
    );
    assert!(out.starts_with("failed"), "{out}");
}

#[tokio::test]
async fn tail_and_publish() {
    let server = Server::start().await;
    let url = server.url();
    let bus = Bus::redis(&url).namespace("prod").connect().await.unwrap();
    let mut events = People::new(&bus).events();
    bus.ready().await.unwrap();

    let prod = ["--redis", &url, "--namespace", "prod"];
    let publish = |payload: &'static str| {
        let arguments = [&["publish", CHANNEL, payload][..], &prod].concat();
        async move { run(&arguments).await }
    };
    let (out, errors, code) = publish(r#"{"type":"person","id":7}"#).await;
    assert!(is(code, ExitCode::SUCCESS), "{errors}");
    assert_eq!(out, "published; subscribers on this server: 1\n");
    while !matches!(events.recv().await.unwrap(), PersonEvent::Person { id: 7 }) {}

    let (_, errors, code) = publish(r#"{"type":"person","id":"7"}"#).await;
    assert!(is(code, ExitCode::FAILURE));
    assert!(
        errors.starts_with("cache-runtime: not published: "),
        "{errors}"
    );

    let tailing = [&["tail", CHANNEL, "--count", "2", "--json"][..], &prod].concat();
    let tail = run(&tailing);
    // Until both were heard.
    let publishing = async {
        loop {
            publish(r#"{"type":"all"}"#).await;
        }
    };
    let (out, ..) = tokio::select! {
        tailed = tail => tailed,
        () = publishing => unreachable!(),
    };
    let lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let messages = lines.iter().filter(|line| line["heard"] == "message");
    let events: Vec<_> = messages.map(|line| line["event"].as_str()).collect();
    assert_eq!(events, [Some("all"); 2], "{out}");
}

#[tokio::test]
async fn export_and_what_is_wrong() {
    let (out, ..) = run(&["export", "typescript"]).await;
    assert!(out.contains("export function decodePersonEvent("), "{out}");
    let (_, errors, code) = run(&["docter"]).await;
    assert!(is(code, ExitCode::from(2)));
    assert!(
        errors.starts_with("cache-runtime: unknown command `docter`\n\nusage:"),
        "{errors}"
    );
    let (_, errors, code) = run(&["tail", "cache:x", "--redis", "http://x"]).await;
    assert!(is(code, ExitCode::FAILURE));
    assert!(errors.contains("unusable"), "{errors}");
    let (out, ..) = run(&["--version"]).await;
    assert!(out.starts_with("cache-runtime 0."), "{out}");
}
