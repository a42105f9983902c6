//! Events between two processes.

use std::env;

use support::{Child, Recorder, Server, role};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::fixture::{UserEvent, Users, connect, user};

/// The other process: prints the events that it receives, and publishes the users that it reads
/// from standard input.
async fn other() {
    let bus = connect(&env::var("SERVER").expect("set by the test")).await;
    let users = Users::new(&bus);
    let _guard = users.subscribe(|event| println!("other got {event:?}"));
    users.ready().await.expect("the server is running");
    println!("other is ready");
    let mut lines = BufReader::new(stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let user_id: u64 = line.parse().expect("a number");
        let receipt = users
            .invalidate_user(user_id)
            .await
            .expect("the server is running");
        println!("other reached {}", receipt.receivers());
    }
}

#[tokio::test]
async fn between_processes_in_both_directions() {
    if role().is_some() {
        return other().await;
    }
    let server = Server::start().await;
    let test = "delivery::between_processes_in_both_directions";
    let mut child = Child::same_test(test, "other", &[("SERVER", &server.url())]);
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    let here = Recorder::new();
    let _guard = users.subscribe(here.handler());
    users.ready().await.unwrap();
    child.says("other is ready").await;

    let receipt = users.invalidate_user(1u64).await.unwrap();
    assert_eq!(receipt.receivers(), 2);
    child.says("other got User { user_id: 1 }").await;

    child.tell("2").await;
    child.says("other reached 2").await;
    let seen = here
        .until("the other's event", |events| events.contains(&user(2)))
        .await;
    let events: Vec<_> = seen
        .into_iter()
        .filter(|event| *event != UserEvent::All)
        .collect();
    assert_eq!(events, [user(1), user(2)], "each once, one's own too");
    assert!(child.finish().await.success());
}

#[tokio::test]
async fn every_service_and_subscription_gets_every_event() {
    let server = Server::start().await;
    let bus = connect(&server.url()).await;
    let (first, second) = (Users::new(&bus), Users::new(&bus));
    let recorders: [Recorder<UserEvent>; 4] = Default::default();
    let _guards = [
        first.subscribe(recorders[0].handler()),
        first.subscribe({
            let recorder = recorders[1].clone();
            move |event| {
                let recorder = recorder.clone();
                async move { recorder.record(event) }
            }
        }),
        second.subscribe(recorders[2].handler()),
        second.subscribe_inline({
            let recorder = recorders[3].clone();
            move |event| recorder.record(event.clone())
        }),
    ];
    let mut stream = second.events();
    bus.ready().await.unwrap();

    first.invalidate_user(7u64).await.unwrap();
    for recorder in &recorders {
        recorder
            .until("the event", |events| events.contains(&user(7)))
            .await;
    }
    let from_stream = async { while stream.recv().await.expect("the bus is open") != user(7) {} };
    support::within("the stream to yield the event", from_stream).await;
}

#[tokio::test]
async fn a_publisher_reads_its_own_writes_even_when_the_server_is_away() {
    let mut server = Server::start().await;
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    let seen = Recorder::new();
    let _guard = users.subscribe_inline({
        let seen = seen.clone();
        move |event: &UserEvent| seen.record(event.clone())
    });
    users.ready().await.unwrap();
    server.kill9();
    let error = users.invalidate_user(3u64).await.unwrap_err();
    assert!(seen.seen().contains(&user(3)));
    assert_eq!(error.channel(), "cache:users");
    assert!(format!("{error:#}").contains("`cache:users`"), "{error}");
    assert!(error.cause().is_some(), "{error:?}");
}
