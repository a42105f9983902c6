//! The outbox is bounded, keeps equal events once, and keeps nothing that the server never takes.

use cache_runtime::Bus;
use support::{Direction, Proxy, Server, eventually};

use crate::fixture::{Place, Reader, Teams, UserEvent, Users, deferred, hasty, patient, user};

#[tokio::test]
async fn equal_events_are_sent_once() {
    let place = Place::new().await;
    place.cut_off();
    for user_id in [1, 2, 1, 1] {
        place.defer(user_id).await;
    }
    place.proxy.heal();
    place.sent().await;
    let stats = place.users.stats();
    assert_eq!(
        (stats.deferred, stats.collapsed, stats.resent),
        (4, 2, 2),
        "{stats:?}"
    );
    place.reader.hears(user(1)).await;
    place.reader.hears(user(2)).await;
    assert_eq!(place.reader.seen.seen().len(), 2);
}

#[tokio::test]
async fn too_many_events_of_a_channel_become_one_all() {
    let by_bytes = Place::with(|bus| bus.outbox(1000, 500)).await;
    let by_number = Place::with(|bus| bus.outbox(5, 1_000_000)).await;
    for place in [by_number, by_bytes] {
        let teams = Teams::new(&place.bus);
        place.reader.fill(100).await;
        place.cut_off();
        deferred(teams.invalidate_user(7u64).await);
        for user_id in 0..10 {
            place.defer(user_id).await;
        }
        place.proxy.heal();
        place.reader.hears(UserEvent::All).await;
        place.reader.loses(100).await;
        let told = |seen: &[UserEvent]| seen.contains(&user(7));
        place.reader.teams.until("the other channel", told).await;
        place.sent().await;
        assert!(!place.reader.teams.seen().contains(&UserEvent::All));
        let stats = place.users.stats();
        assert_eq!(
            (stats.deferred, stats.collapsed, stats.resent),
            (10, 9, 1),
            "{stats:?}"
        );
    }
}

#[tokio::test]
async fn as_many_events_as_there_is_room_for_stay_apart() {
    let place = Place::with(|bus| bus.outbox(2, 1_000_000)).await;
    place.cut_off();
    for user_id in [1, 2, 1, 2, 1] {
        place.defer(user_id).await;
    }
    place.proxy.heal();
    place.sent().await;
    for user_id in [1, 2] {
        place.reader.hears(user(user_id)).await;
    }
    assert!(!place.reader.seen.seen().contains(&UserEvent::All));
    let stats = place.users.stats();
    assert_eq!((stats.collapsed, stats.resent), (3, 2), "{stats:?}");
}

#[tokio::test]
async fn each_of_more_channels_than_there_is_room_for_keeps_an_all() {
    let place = Place::with(|bus| bus.outbox(1, 1_000_000)).await;
    let teams = Teams::new(&place.bus);
    place.cut_off();
    place.defer(1).await;
    deferred(teams.invalidate_user(1u64).await);
    place.proxy.heal();
    let all = |seen: &[UserEvent]| seen == [UserEvent::All];
    place.reader.seen.until("an `All`", all).await;
    place.reader.teams.until("an `All`", all).await;
}

#[tokio::test]
async fn an_all_covers_the_events_of_its_channel() {
    let place = Place::new().await;
    place.cut_off();
    place.defer(1).await;
    deferred(place.users.invalidate_all().await);
    place.defer(2).await;
    place.proxy.heal();
    place.sent().await;
    place.reader.hears(UserEvent::All).await;
    let stats = place.users.stats();
    assert_eq!((stats.collapsed, stats.resent), (2, 1), "{stats:?}");
}

/// A channel that the server never takes does not hold up the others.
#[tokio::test]
async fn what_is_refused_is_not_kept() {
    let server = Server::start().await;
    let url = server
        .allow_app("+@all ~* &cache:users &cache-runtime:canary:*")
        .await;
    let bus = hasty(&url).connect().await.unwrap();
    let teams = Teams::new(&bus);
    let error = teams.invalidate_all().await.unwrap_err();
    assert!(error.is_refused() && error.is_forbidden(), "{error:#}");
    assert_eq!(teams.stats().deferred, 0);

    let off = hasty("redis://127.0.0.1:1").outbox(0, 0);
    let users = Users::new(&off.connect_lazy().unwrap());
    let error = users.invalidate_all().await.unwrap_err();
    assert!(error.is_refused(), "{error:#}");
    let text = error.to_string();
    assert!(text.ends_with("because the outbox is off"), "{text}");
    assert_eq!(users.stats().deferred, 0);

    let small = Bus::local().max_payload(5).connect_lazy().unwrap();
    let error = Users::new(&small).invalidate_all().await.unwrap_err();
    assert!(error.is_refused() && error.is_invalid_event(), "{error:#}");
}

#[tokio::test]
async fn what_the_server_comes_to_refuse_is_given_up() {
    let server = Server::start().await;
    let url = server
        .allow_app("+@all ~* allchannels")
        .await
        .replace(&server.port().to_string(), "PORT");
    let proxy = Proxy::to(server.port()).await;
    let port = proxy.url().rsplit(':').next().unwrap().to_owned();
    let bus = hasty(&url.replace("PORT", &port)).connect().await.unwrap();
    let reader = Reader::on(patient(&server.url()).connect().await.unwrap()).await;
    let (users, teams) = (Users::new(&bus), Teams::new(&bus));
    proxy.black_hole(Direction::Both);
    proxy.cut();
    deferred(users.invalidate_user(2u64).await);
    deferred(teams.invalidate_user(2u64).await);
    server.allow_app("+@all ~* &cache:users").await;
    proxy.heal();
    let given_up = async || teams.stats().given_up;
    eventually("the event to be given up", given_up, |n| *n == 1).await;
    reader.hears(user(2)).await;
    assert_eq!(teams.stats().in_outbox(), 0);
    assert!(!reader.teams.seen().contains(&user(2)));
}

/// In a fail-over, the old primary may come back as one. Until it is a replica, nobody knows which one
/// the other instances are connected to.
#[tokio::test]
async fn a_second_primary_is_no_reason_to_give_up() {
    let (first, second) = (Server::start().await, Server::start().await);
    let (port, other) = (first.port(), second.port());
    let address = format!("redis://127.0.0.1:{port},127.0.0.1:{other}");
    let users = Users::new(&hasty(&address).connect_lazy().unwrap());
    deferred(users.invalidate_user(1u64).await);
    let admin = second.admin().await;
    let port = port.to_string();
    admin.run::<()>(&["REPLICAOF", "127.0.0.1", &port]).await;
    let left = async || users.stats().in_outbox();
    eventually("the outbox to be empty", left, |left| *left == 0).await;
    let stats = users.stats();
    assert_eq!((stats.resent, stats.given_up), (1, 0), "{stats:?}");
}
