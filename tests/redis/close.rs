//! Closing a bus leaves nothing behind, and does not wait for the server.

use std::pin::pin;
use std::time::{Duration, Instant};

use cache_runtime::bus::Health;
use support::{Admin, Server, eventually, within};
use tokio::time::timeout;

use crate::fixture::{Teams, Users, builder, patient};

pub(crate) async fn nobody_is_left(admin: &Admin) {
    let clients = async || admin.clients().await;
    eventually("no connection to be left", clients, Vec::is_empty).await;
}

#[tokio::test]
async fn ends_everything() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = builder(&server.url()).connect().await.unwrap();
    let users = Users::new(&bus);
    let _guard = users.subscribe(|_| ());
    let mut stream = users.events();
    users.ready().await.unwrap();

    bus.close().await;
    nobody_is_left(&admin).await;
    assert_eq!(bus.health(), Health::Closed);
    assert_eq!(users.health(), Health::Closed);
    let ended = async { while stream.recv().await.is_some() {} };
    within("the stream to end", ended).await;
    assert!(users.invalidate_all().await.unwrap_err().is_closed());
    assert!(users.ready().await.is_err());
    // A closed bus does not connect again.
    let teams = Teams::new(&bus);
    let _guard = teams.subscribe(|_| ());
    assert!(teams.ready().await.is_err());
    assert!(admin.clients().await.is_empty());
}

#[tokio::test]
async fn does_not_wait_for_a_frozen_server() {
    let server = Server::start().await;
    // A patient bus would wait for an hour.
    let bus = patient(builder(&server.url())).connect().await.unwrap();
    let users = Users::new(&bus);
    let _guards = [users.subscribe(|_| ()), users.subscribe(|_| async {})];
    users.ready().await.unwrap();
    // Now the publisher is connected, and the next publish only waits for the answer.
    users.invalidate_all().await.unwrap();
    server.freeze();
    let mut publishing = pin!(users.invalidate_all());
    let early = timeout(Duration::from_millis(100), &mut publishing).await;
    assert!(early.is_err(), "a frozen server answered: {early:?}");

    let begun = Instant::now();
    within("the bus to close", bus.close()).await;
    println!("closed in {:?} with a frozen server", begun.elapsed());
    let published = within("the publish to end too", publishing).await;
    let error = published.unwrap_err();
    assert!(error.is_closed(), "{error:?}");

    server.thaw();
    nobody_is_left(&server.admin().await).await;
}

#[tokio::test]
async fn does_not_wait_for_a_handler_that_blocks() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = builder(&server.url()).connect().await.unwrap();
    let users = Users::new(&bus);
    let (entered, entrance) = std::sync::mpsc::channel();
    let (release, exit) = std::sync::mpsc::channel::<()>();
    let _guard = users.subscribe(move |_| {
        let _ = entered.send(());
        // Blocks until the test drops `release`.
        let _ = exit.recv();
    });
    users.ready().await.unwrap();
    users.invalidate_all().await.unwrap();
    let entering = tokio::task::spawn_blocking(move || entrance.recv());
    within("the handler to be at work", entering)
        .await
        .unwrap()
        .unwrap();

    within("the bus to close", bus.close()).await;
    nobody_is_left(&admin).await;
    drop(release);
}

#[tokio::test]
async fn of_the_last_handle_ends_everything() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = builder(&server.url()).connect().await.unwrap();
    let users = Users::new(&bus);
    let teams = Teams::new(&bus);
    let guard = users.subscribe(|_| ());
    let stream = teams.events();
    bus.ready().await.unwrap();

    // A subscription alone keeps the bus running.
    drop((bus, users, teams, stream));
    assert_eq!(admin.publish("cache:users", r#"{"type":"all"}"#).await, 1);
    drop(guard);
    nobody_is_left(&admin).await;
}
