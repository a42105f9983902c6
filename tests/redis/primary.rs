//! The server has to be the primary, and the same one on both connections.

use std::time::Duration;

use cache_runtime::bus::{Cause, Health};
use cache_runtime::dedup::Reservation;
use cache_runtime::{CoherentCache, Dedup, Evict, RedisCache};
use support::{Admin, Recorder, Relay, Server, eventually, until};

use crate::fixture::{UserEvent, Users, builder, connect, patient, user};

const LONG: Duration = Duration::from_secs(3600);

pub(crate) async fn follow(replica: &Admin, primary: &Server) {
    let port = primary.port().to_string();
    replica.run::<()>(&["REPLICAOF", "127.0.0.1", &port]).await;
}

async fn promote(replica: &Admin) {
    replica.run::<()>(&["REPLICAOF", "NO", "ONE"]).await;
}

/// Waits until the replica has everything that the primary has.
pub(crate) async fn in_step(replica: &Admin) {
    let link = async || {
        let info: String = replica.run(&["INFO", "replication"]).await;
        info
    };
    let up = |info: &String| info.contains("master_link_status:up");
    eventually("the replica to be in step", link, up).await;
}

/// The address leads to the second server, which has replaced the first one. Connections stay.
pub(crate) async fn fail_over(first: &Server, second: &Server, relay: &Relay) {
    let (old, new) = (first.admin().await, second.admin().await);
    follow(&new, first).await;
    in_step(&new).await;
    promote(&new).await;
    follow(&old, second).await;
    relay.redirect(second.port());
}

fn is_replica(health: &Health) -> bool {
    matches!(health, Health::Down(Cause::NotPrimary(role)) if role.contains("replica"))
}

/// A replica accepts `PUBLISH`, and subscribers on the primary do not receive the message.
#[tokio::test]
async fn a_replica_as_the_address_is_refused() {
    let (primary, replica) = (Server::start().await, Server::start().await);
    let admin = replica.admin().await;
    follow(&admin, &primary).await;
    in_step(&admin).await;

    let error = builder(&replica.url()).connect().await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("no primary but a replica"), "{text}");

    let bus = builder(&replica.url()).connect_lazy().unwrap();
    let users = Users::new(&bus);
    let mut health = users.watch_health();
    let _events = users.events();
    until("the role to be noticed", &mut health, is_replica).await;
    let error = users.invalidate_user(1).await.unwrap_err();
    assert!(format!("{error:#}").contains("replica"), "{error}");

    promote(&admin).await;
    until("the new primary to be live", &mut health, Health::is_live).await;
}

/// The fail-over leaves the connections on the old primary.
#[tokio::test]
async fn a_demoted_primary_is_left_within_a_heartbeat() {
    let (first, second) = (Server::start().await, Server::start().await);
    let bus = connect(&first.url()).await;
    let users = Users::new(&bus);
    let cache = CoherentCache::builder("users", LONG);
    let cache = cache
        .evict_on(&users, |_| Evict::<u64>::All)
        .build()
        .unwrap();
    let mut health = users.watch_health();
    bus.ready().await.unwrap();
    cache.get_or_load(&1, || async { "old" }).await;
    assert_eq!(cache.get(&1), Some("old"));

    let admin = first.admin().await;
    follow(&admin, &second).await;
    until("the demotion to be noticed", &mut health, is_replica).await;
    assert_eq!(cache.get(&1), None);
    let error = users.invalidate_user(1).await.unwrap_err();
    assert!(format!("{error:#}").contains("replica"), "{error}");

    promote(&admin).await;
    until(
        "the server to be a primary again",
        &mut health,
        Health::is_live,
    )
    .await;
}

/// After a fail-over behind a virtual address, connections stay on the old primary. Nothing is
/// subscribed, so there is no heartbeat that notices it.
#[tokio::test]
async fn a_write_that_a_replica_refuses_ends_its_connections_and_is_sent_to_the_primary() {
    let (first, second) = (Server::start().await, Server::start().await);
    let relay = Relay::to(first.port()).await;
    let bus = patient(builder(&relay.url())).connect().await.unwrap();
    let dedup = Dedup::builder(&bus, "requests").build().unwrap();
    assert!(matches!(
        dedup.reserve("a", "me").await,
        Ok(Reservation::Reserved)
    ));

    fail_over(&first, &second, &relay).await;
    for key in 0..10 {
        let key = format!("key-{key}");
        let reserved = dedup.reserve(&key, "me").await;
        assert!(
            matches!(reserved, Ok(Reservation::Reserved)),
            "{reserved:?}"
        );
    }
}

/// The same for events. The old primary is a replica now, and accepts them for its own subscribers only.
async fn a_replica_takes_events_of_a_user_with(rules: &str) {
    let (first, second) = (Server::start().await, Server::start().await);
    second.allow_app(rules).await;
    let url = first.allow_app(rules).await;
    let relay = Relay::to(first.port()).await;
    let port = |url: &str| url.rsplit(':').next().unwrap().to_owned();
    let url = url.replace(&port(&first.url()), &port(&relay.url()));
    let publisher = patient(builder(&url)).connect().await.unwrap();
    let publishing = Users::new(&publisher);
    publishing.invalidate_user(0).await.unwrap();

    fail_over(&first, &second, &relay).await;
    let subscriber = connect(&second.url()).await;
    let seen = Recorder::new();
    let _handler = Users::new(&subscriber).subscribe(seen.handler());
    subscriber.ready().await.unwrap();
    let events = [user(1), user(2), user(3)];
    for event in &events {
        publishing.publish(event).await.unwrap();
    }
    seen.until("every event", |seen| seen.ends_with(&events))
        .await;
}

#[tokio::test]
async fn an_event_that_a_replica_takes_is_sent_to_the_primary_as_well() {
    a_replica_takes_events_of_a_user_with("+@all allkeys allchannels").await;
}

/// Then the server is asked for its role.
#[tokio::test]
async fn an_event_of_a_user_who_may_not_write_is_as_well() {
    a_replica_takes_events_of_a_user_with("+@all -zrem allkeys allchannels").await;
}

/// It may have been replaced. The event is kept, as if it had not reached the server.
#[tokio::test]
async fn an_event_that_a_primary_without_its_replicas_takes_is_deferred() {
    let server = Server::builder().option("min-replicas-to-write", "1");
    let server = server.start().await;
    let bus = builder(&server.url()).connect().await.unwrap();
    let error = Users::new(&bus).invalidate_user(1).await.unwrap_err();
    assert!(error.is_deferred(), "{error:#}");
    assert!(format!("{error:#}").contains("NOREPLICAS"), "{error:#}");
}

/// After a restart from a snapshot, an entry that was evicted since then is not served.
#[tokio::test]
async fn a_store_that_went_back_in_time_serves_nothing_of_its_past() {
    let mut server = Server::start().await;
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    let cache = RedisCache::builder(&bus, "users", LONG);
    let cache = cache
        .evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(user_id.to_string()),
            UserEvent::Name { .. } | UserEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    let read = async |value: &'static str| {
        let value = cache.get_or_load("1", || async { value.to_owned() }).await;
        value.unwrap()
    };
    assert_eq!(read("old").await, "old");
    let admin = server.admin().await;
    admin.run::<()>(&["SAVE"]).await;
    users.publish(&user(1)).await.unwrap();
    assert_eq!(cache.get("1").await.unwrap(), None);

    server.restart().await;
    let admin = server.admin().await;
    let keys: Vec<String> = admin.run(&["KEYS", "*"]).await;
    let entry = keys
        .iter()
        .any(|key| key == "cache-runtime:coherent:{users}:v:1");
    assert!(entry, "the snapshot brings the entry back: {keys:?}");
    let recovered = async || cache.get("1").await;
    let answered = eventually("the server to be back", recovered, Result::is_ok).await;
    assert_eq!(answered.unwrap(), None);
    // Another process, which was not connected before the restart, does not find it either.
    let other = connect(&server.url()).await;
    let users = Users::new(&other);
    let fresh = RedisCache::<String, _>::builder(&other, "users", LONG)
        .evict_on(&users, |_| Evict::All)
        .build()
        .unwrap();
    other.ready().await.unwrap();
    assert_eq!(fresh.get("1").await.unwrap(), None);
}

/// As with a proxy that multiplexes connections: messages are lost for a while, and the connection
/// stays open.
#[tokio::test]
async fn messages_that_are_lost_together_with_a_canary_are_noticed_with_the_next() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let relay = Relay::to(server.port()).await;
    // However slow the machine is, the lease does not end first.
    let builder = builder(&relay.url()).lease(Duration::from_secs(60));
    let bus = builder.connect().await.unwrap();
    let users = Users::new(&bus);
    let cache = CoherentCache::builder("users", LONG);
    let cache = cache
        .evict_on(&users, |_| Evict::<u64>::All)
        .build()
        .unwrap();
    let mut health = users.watch_health();
    bus.ready().await.unwrap();
    cache.get_or_load(&1, || async { "old" }).await;

    relay.lose_messages(true);
    admin
        .publish("cache:users", r#"{"type":"user","userId":1}"#)
        .await;
    // The event, and at least one canary.
    let lost = async || relay.lost();
    eventually("a canary to be lost", lost, |lost| *lost >= 2).await;
    relay.lose_messages(false);
    let missing = |health: &Health| *health == Health::Down(Cause::MissingCanary);
    until("the gap to be noticed", &mut health, missing).await;
    until("the channel to be live again", &mut health, Health::is_live).await;
    assert_eq!(cache.get(&1), None);
}

async fn moves(name: &'static str) {
    let (first, second) = (Server::start().await, Server::start().await);
    let relay = Relay::to(first.port()).await;
    let bus = patient(builder(&relay.url())).connect().await.unwrap();
    let users = Users::new(&bus);
    let mut health = users.watch_health();
    let mut events = users.events();
    let stored = RedisCache::<String>::builder(&bus, "stored", LONG).build();
    bus.ready().await.unwrap();
    stored.unwrap().get("a").await.unwrap();

    relay.move_connections(name, second.port());
    relay.redirect(second.port());
    let moved = |health: &Health| *health == Health::Down(Cause::AnotherServer);
    until("the move to be noticed", &mut health, moved).await;
    until("both to be on one server", &mut health, Health::is_live).await;
    let hears_itself = async || {
        let receipt = users.publish(&user(1)).await;
        receipt.is_ok_and(|receipt| receipt.receivers() == 1)
    };
    eventually("the bus to hear itself", hears_itself, |hears| *hears).await;
    let received = async || events.recv().await;
    let is_user = |event: &Option<UserEvent>| *event == Some(user(1));
    eventually("the event", received, is_user).await;
}

#[tokio::test]
async fn a_subscriber_that_a_balancer_moves_takes_the_publisher_with_it() {
    moves(":events").await;
}

#[tokio::test]
async fn a_connection_for_values_that_a_balancer_moves_takes_the_others_with_it() {
    moves(":values").await;
}

#[tokio::test]
async fn a_publisher_that_a_balancer_moves_takes_the_subscriber_with_it() {
    moves(":publish").await;
}

/// A fail-over behind one address: the sockets stay, the subscriptions do not.
#[tokio::test]
async fn a_server_that_is_replaced_behind_both_connections_is_noticed() {
    moves("").await;
}

/// Without the right to ask for the identity, the role is still known.
#[tokio::test]
async fn the_right_to_ask_for_the_identity_is_not_needed() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let url = server.allow_app("+@all -info allkeys allchannels").await;
    let bus = patient(builder(&url));
    let bus = bus.connect().await.unwrap();
    let users = Users::new(&bus);
    let cache = RedisCache::builder(&bus, "users", LONG);
    let cache = cache.evict_on(&users, |_| Evict::All).build().unwrap();
    bus.ready().await.unwrap();
    let value = cache.get_or_load("1", || async { "new".to_owned() }).await;
    assert_eq!(value.unwrap(), "new");
    assert_eq!(cache.get("1").await.unwrap().as_deref(), Some("new"));
    // Every new connection counts as a change.
    admin.kill_clients("normal").await;
    let read = async || cache.get("1").await;
    let answered = eventually("a new connection", read, Result::is_ok).await;
    assert_eq!(answered.unwrap(), None);
}
