//! The number of connections of a program, and their names.

use support::{Admin, Recorder, Server, eventually};

use crate::fixture::{Guests, Teams, Users, builder, user};

/// The names of all connections.
async fn names(admin: &Admin) -> Vec<String> {
    let clients = admin.clients().await;
    let mut names: Vec<_> = clients
        .iter()
        .map(|client| client.get("name").to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn are_two_however_many_channels_and_bear_the_instances_name() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = builder(&server.url())
        .name("bot-1")
        .connect()
        .await
        .unwrap();
    let (users, teams, guests) = (Users::new(&bus), Teams::new(&bus), Guests::new(&bus));
    let _guards = [
        users.subscribe(|_| ()),
        users.subscribe(|_| ()),
        teams.subscribe(|_| ()),
        guests.subscribe_inline(|_| ()),
    ];
    bus.ready().await.unwrap();
    users.invalidate_all().await.unwrap();
    teams.invalidate_all().await.unwrap();
    assert_eq!(names(&admin).await, ["bot-1:events", "bot-1:publish"]);
    let clients = admin.clients().await;
    let subscribers: Vec<_> = clients
        .iter()
        .filter(|client| client.is_subscriber())
        .collect();
    assert_eq!(subscribers.len(), 1, "{clients:?}");
    assert_eq!(subscribers[0].get("name"), "bot-1:events");
}

#[tokio::test]
async fn a_program_that_only_publishes_has_one() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = builder(&server.url())
        .name("publisher")
        .connect()
        .await
        .unwrap();
    let (users, teams) = (Users::new(&bus), Teams::new(&bus));
    let receipt = users.invalidate_user(1u64).await.unwrap();
    assert_eq!(receipt.receivers(), 0);
    teams.invalidate_all().await.unwrap();
    bus.ready()
        .await
        .expect("nothing is subscribed, so nothing is missing");
    assert_eq!(names(&admin).await, ["publisher:publish"]);
}

#[tokio::test]
async fn over_a_unix_socket_work_as_well() {
    let server = Server::start().await;
    let bus = builder(&server.unix_url()).connect().await.unwrap();
    let users = Users::new(&bus);
    let seen = Recorder::new();
    let _guard = users.subscribe(seen.handler());
    users.ready().await.unwrap();
    users.invalidate_user(1u64).await.unwrap();
    seen.until("the event", |events| events.contains(&user(1)))
        .await;
}

#[tokio::test]
async fn of_clones_are_shared() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = builder(&server.url()).name("one").connect().await.unwrap();
    let clone = bus.clone();
    let (users, teams) = (Users::new(&bus), Teams::new(&clone));
    let _guards = [users.subscribe(|_| ()), teams.subscribe(|_| ())];
    clone.ready().await.unwrap();
    assert_eq!(names(&admin).await, ["one:events", "one:publish"]);
}

#[tokio::test]
async fn with_a_namespace_do_not_hear_others() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let (prod, test) = (builder(&server.url()), builder(&server.url()));
    let prod = prod.namespace("prod").connect().await.unwrap();
    let test = test.namespace("test").connect().await.unwrap();
    let (here, there) = (Users::new(&prod), Users::new(&test));
    let (seen, other) = (Recorder::new(), Recorder::new());
    let _guards = [
        here.subscribe(seen.handler()),
        there.subscribe(other.handler()),
    ];
    here.ready().await.unwrap();
    there.ready().await.unwrap();
    assert_eq!(admin.subscribers("prod:cache:users").await, 1);
    assert_eq!(admin.subscribers("cache:users").await, 0);
    there.invalidate_user(1u64).await.unwrap();
    here.invalidate_user(2u64).await.unwrap();
    there.invalidate_user(3u64).await.unwrap();
    seen.until("its event", |events| events.contains(&user(2)))
        .await;
    let others = other
        .until("its events", |events| events.contains(&user(3)))
        .await;
    assert!(!seen.seen().contains(&user(1)));
    assert!(!others.contains(&user(2)));
}

#[tokio::test]
async fn end_when_nothing_is_subscribed_any_more() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = builder(&server.url()).name("bot").connect().await.unwrap();
    let users = Users::new(&bus);
    let guard = users.subscribe(|_| ());
    users.ready().await.unwrap();
    drop(guard);
    let names = async || names(&admin).await;
    eventually("only the publisher to be left", names, |names| {
        names == &["bot:publish"]
    })
    .await;
}
