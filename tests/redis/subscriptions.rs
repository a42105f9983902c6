//! Subscribing and unsubscribing while the bus runs.

use std::time::Duration;

use support::{Proxy, Recorder, Server, eventually};

use crate::fixture::{Guests, Teams, UserEvent, Users, Watched, builder, connect, patient, user};

#[tokio::test]
async fn come_and_go_on_the_server_too() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = connect(&server.url()).await;
    let (users, teams) = (Users::new(&bus), Teams::new(&bus));
    let kept = users.subscribe(|_| ());
    users.ready().await.unwrap();
    assert_eq!(admin.subscribers("cache:users").await, 1);
    assert_eq!(admin.subscribers("cache:teams").await, 0);

    let seen = Recorder::new();
    let two = [teams.subscribe(seen.handler()), teams.subscribe(|_| ())];
    teams.ready().await.unwrap();
    assert_eq!(admin.subscribers("cache:teams").await, 1, "one for both");
    teams.invalidate_user(1u64).await.unwrap();
    seen.until("the event", |events| events.contains(&user(1)))
        .await;

    let [first, second] = two;
    drop(first);
    teams.invalidate_user(2u64).await.unwrap();
    assert_eq!(admin.subscribers("cache:teams").await, 1, "one is left");
    second.unsubscribe();
    let subscribers = async || admin.subscribers("cache:teams").await;
    eventually("the channel to be unsubscribed", subscribers, |count| {
        *count == 0
    })
    .await;
    assert_eq!(admin.subscribers("cache:users").await, 1);
    assert!(!seen.seen().contains(&user(2)));
    drop(kept);
}

#[tokio::test]
async fn do_not_disturb_other_channels() {
    let server = Server::start().await;
    let bus = patient(builder(&server.url())).connect().await.unwrap();
    let users = Users::new(&bus);
    let watched = Watched::start(&users).await;
    for round in 0..20 {
        let (teams, guests) = (Teams::new(&bus), Guests::new(&bus));
        let guards = [teams.subscribe(|_| ()), guests.subscribe(|_| ())];
        if round % 2 == 0 {
            bus.ready().await.unwrap();
        }
        drop(guards);
        watched.passes(&users, round).await;
    }
    let seen = watched.handler.seen();
    let expected: Vec<_> = (0..20).map(user).collect();
    assert_eq!(seen, expected, "no loss, and nothing twice");
}

#[tokio::test]
async fn of_one_channel_again_and_again_end_live() {
    let server = Server::start().await;
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    for round in 0..50 {
        let seen = Recorder::new();
        let guard = users.subscribe(seen.handler());
        // Some are dropped before they are confirmed.
        if round % 3 == 0 {
            users.ready().await.unwrap();
            users.invalidate_user(round).await.unwrap();
            seen.until("the event", |events| events.contains(&user(round)))
                .await;
        }
        drop(guard);
    }
    Watched::start(&users).await.passes(&users, 1).await;
}

#[tokio::test]
async fn while_the_last_one_is_still_ending_miss_nothing_unnoticed() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let proxy = Proxy::to(server.port()).await;
    let bus = patient(builder(&proxy.url())).connect().await.unwrap();
    let (users, teams) = (Users::new(&bus), Teams::new(&bus));
    // Keeps the connection.
    let _users = users.subscribe(|_| ());
    let last = teams.subscribe(|_| ());
    bus.ready().await.unwrap();

    // The server ends the subscription, and its confirmation is delayed.
    proxy.delay(Duration::from_millis(500));
    drop(last);
    let subscribers = async || admin.subscribers("cache:teams").await;
    eventually("the server to end it", subscribers, |count| *count == 0).await;
    let seen = Recorder::new();
    let _guard = teams.subscribe(seen.handler());
    assert_eq!(
        admin
            .publish("cache:teams", r#"{"type":"user","userId":1}"#)
            .await,
        0
    );
    let told = |events: &[UserEvent]| events.contains(&UserEvent::All);
    seen.until("to be told of the lost event", told).await;
    teams.ready().await.unwrap();
}

#[tokio::test]
async fn are_not_taken_for_live_because_an_earlier_one_was() {
    let server = Server::start().await;
    let bus = patient(builder(&server.url())).connect().await.unwrap();
    let (users, teams) = (Users::new(&bus), Teams::new(&bus));
    let _users = users.subscribe(|_| ());
    for round in 0..20 {
        let seen = Recorder::new();
        let _guard = teams.subscribe(seen.handler());
        teams.ready().await.unwrap();
        teams.invalidate_user(round).await.unwrap();
        let arrived = |events: &[UserEvent]| events.contains(&user(round));
        seen.until("the event", arrived).await;
    }
}
