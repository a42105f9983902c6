//! What goes over channels.

use cache_runtime::__private::publish_raw;
use cache_runtime::Bus;
use cache_runtime::doctor::{Heard, Message, Tail, Verdict};
use support::{Server, within};

use crate::fixture::{CHANNEL, People};

async fn heard(tail: &mut Tail) -> Heard {
    within("something to be heard", tail.recv()).await.unwrap()
}

async fn message(tail: &mut Tail) -> Message {
    loop {
        if let Heard::Message(message) = heard(tail).await {
            return message;
        }
    }
}

#[tokio::test]
async fn messages_are_told_with_what_the_service_makes_of_them() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url())
        .namespace("prod")
        .connect()
        .await
        .unwrap();
    let mut tail = bus.tail([CHANNEL, "cache:doctor-others"]);
    tail.ready().await.unwrap();
    for _ in 0..2 {
        let first = heard(&mut tail).await;
        assert!(matches!(first, Heard::Live { .. }), "{first}");
    }
    People::new(&bus).invalidate_person(7).await.unwrap();
    let event = message(&mut tail).await;
    assert_eq!(
        (&*event.channel, &*event.payload),
        (CHANNEL, &br#"{"type":"person","id":7}"#[..])
    );
    assert_eq!(
        Heard::Message(event).to_string(),
        format!("{CHANNEL}: person {{id: 7}}")
    );

    let wrong = br#"{"type":"person","id":"7"}"#;
    publish_raw(&bus, CHANNEL, wrong).await.unwrap();
    let rejected = message(&mut tail).await;
    assert!(
        matches!(&rejected.verdict, Verdict::Rejected(why) if why.contains("id")),
        "{rejected:?}"
    );
    assert!(
        Heard::Message(rejected)
            .to_json()
            .contains(r#""rejected":"#)
    );

    publish_raw(&bus, "cache:doctor-others", b"\xff\x1b")
        .await
        .unwrap();
    let other = message(&mut tail).await;
    assert_eq!(
        (&*other.channel, &other.verdict),
        ("cache:doctor-others", &Verdict::Undeclared)
    );
    let other = Heard::Message(other);
    assert_eq!(other.to_string(), "cache:doctor-others: \u{fffd}\\u{1b}");
    assert_eq!(
        other.to_json(),
        r#"{"channel":"cache:doctor-others","heard":"message","hex":"ff1b"}"#
    );
}

#[tokio::test]
async fn losses_are_told() {
    let mut server = Server::start().await;
    let bus = Bus::redis(server.url()).connect().await.unwrap();
    let mut tail = bus.tail([CHANNEL]);
    tail.ready().await.unwrap();
    assert_eq!(
        heard(&mut tail).await,
        Heard::Live {
            channel: CHANNEL.to_owned()
        }
    );
    server.kill9();
    let lost = heard(&mut tail).await;
    match &lost {
        Heard::Lost { why, .. } => assert!(!why.contains("live") && !why.is_empty(), "{why}"),
        other => panic!("{other}"),
    }
    server.restart().await;
    loop {
        match heard(&mut tail).await {
            Heard::Live { .. } => break,
            other => assert!(matches!(other, Heard::Lost { .. }), "{other}"),
        }
    }
}

/// Of a program that does not read what it tails, memory is bounded, and publishers are not held up.
#[tokio::test]
async fn a_slow_reader_is_told_what_it_misses() {
    let bus = Bus::in_process();
    let mut tail = bus.tail([CHANNEL]);
    tail.ready().await.unwrap();
    let payload = vec![b'x'; 60_000];
    for _ in 0..400 {
        publish_raw(&bus, CHANNEL, &payload).await.unwrap();
    }
    publish_raw(&bus, CHANNEL, b"last").await.unwrap();
    let (mut told, mut read) = (false, 0);
    loop {
        match heard(&mut tail).await {
            // Of its own queue, or of that of the bus.
            Heard::Skipped | Heard::Lost { .. } => told = true,
            Heard::Message(message) if message.payload == b"last" => break,
            Heard::Message(_) => read += 1,
            _ => {}
        }
    }
    assert!(told && read < 400, "{read}");
}
