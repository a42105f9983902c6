//! The examples print what they promise, without a server and over Redis.

use support::{Child, Server};

/// Runs an example both ways, and looks for these lines in its output, in this order.
async fn shows(example: &str, lines: &[&str]) {
    run(example, &[], lines).await;

    let server = Server::start().await;
    run(example, &["--redis", &server.url()], lines).await;
    let mut left: Vec<String> = server.admin().await.run(&["KEYS", "*"]).await;
    // The list of instances expires by itself.
    left.retain(|key| key != "cache-runtime:instances");
    assert_eq!(left, [""; 0], "what it leaves in Redis");
}

async fn run(example: &str, arguments: &[&str], lines: &[&str]) {
    let mut process = Child::example(example, arguments);
    for line in lines {
        process.says(line).await;
    }
    let status = process.finish().await;
    assert!(status.success(), "{example} {arguments:?}: {status}");
}

#[tokio::test]
async fn quickstart() {
    let lines = [
        "[B] listens to cache:channel-activation-invalidation: live",
        "[B] has asked the database, and cached:",
        "[A] published to 1 instance(s)",
        "[B] the event has evicted it",
        "[B] cached now: None",
    ];
    shows("quickstart", &lines).await;
}

#[tokio::test]
async fn activations() {
    let lines = [
        "1. The bug",
        "[B] active? true <- wrong",
        "2. Without it",
        "[A] active? false",
        "[B] active? false",
        "(0 queries: it is cached again)",
        "3. A load that begins before the event",
        "[B] the load returns true",
        "[B] cached: None; values not stored because an event overtook them: 1",
        "[B] active? false",
        "4. B is cut off",
        "[B] active? true",
        "5. An instance C",
        "[C] the bus is not live: the server cannot be reached",
        "(2 queries: reads bypass the cache",
        "[C] active? false",
    ];
    shows("activations", &lines).await;
}

#[tokio::test]
async fn model_list() {
    let lines = [
        "requests to the provider: 1 ",
        "[A] 2 models; found in memory: 1",
        "[B] 2 models; found in memory: 1",
        "[A] found in Redis: 1",
        "[B] found in Redis: 1; the largest model is Some(\"large\")",
        "requests to the provider, all in all: 1",
        "[C] 2 models: it has loaded them itself; commands that Redis did not answer: 1",
    ];
    shows("model_list", &lines).await;
}

#[tokio::test]
async fn transcripts() {
    let lines = [
        "[B] hello.ogg: \"See you at eight.\" (requests so far: 1)",
        "[B] silence.ogg: no text: no-speech (requests so far: 2)",
        "long.ogg: no text: overloaded",
        "it has expired, so the service was asked again",
        "[A] broken.ogg: the loader failed: error",
        "[A] broken.ogg: the loader failed: error",
        "there is no value: no-speech",
    ];
    shows("transcripts", &lines).await;
}

#[tokio::test]
async fn autocomplete() {
    let lines = [
        "hit ratio: 50 %",
        "by a clock that the example has moved: None",
        "after 600 users: 500 entries",
        "3 entries removed",
        "[A] ada's suggestions are gone: None",
    ];
    shows("autocomplete", &lines).await;
}

#[tokio::test]
async fn notifications() {
    let lines = [
        "[A] ada is notified",
        "[A] ada is not: 59 min to go",
        "[A] ada is notified (an hour later)",
        "after 2,000 users: 1000 cooldowns",
        "an hour and 1,000 questions later: 0",
        "[A] eve is notified",
        "[B] eve is notified",
        "[A] eve is notified",
        "[B] eve is not: A has done it",
    ];
    shows("notifications", &lines).await;
}

#[tokio::test]
async fn requests() {
    let lines = [
        "handled 1 time(s); requests reserved: 1",
        "[B] cannot release it: it is A's",
        "[A] has failed, and releases it",
        "[B] message-2 is mine to handle",
        "[B] message-3 is mine to handle",
        "[C] key \"message-4\" of dedup `requests` could not be reserved: the server cannot be",
    ];
    shows("requests", &lines).await;
}

#[tokio::test]
async fn audit() {
    let lines = [
        "CACHE ",
        "autocomplete ",
        "channel-activation ",
        "denylist ",
        "model-list ",
        "notifications ",
        "prompts ",
        "requests ",
        "CHANNEL ",
        "FLAGS",
        "nothing was published or received",
        "event `avatar` evicts nothing",
        "{\"rows\":[",
        "channel-activation: bypassing, because the bus is closed",
    ];
    shows("audit", &lines).await;
}
