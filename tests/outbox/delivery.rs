//! What the server does not take is sent when it takes it.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use cache_runtime::redis::Coherent;
use cache_runtime::{Bus, Evict, RedisCache};
use support::{Server, eventually, until};

use crate::fixture::{LONG, Place, Reader, UserEvent, Users, deferred, hasty, patient, user};

#[tokio::test]
async fn other_instances_evict_when_the_publisher_is_back() {
    let place = Place::new().await;
    place.reader.fill(1).await;
    place.reader.fill(2).await;
    let flushes = place.reader.users.stats().flushes;
    place.cut_off();
    place.defer(1).await;
    assert_eq!(place.reader.cache.get(&1), Some("old"), "it cannot know");
    place.proxy.heal();
    place.reader.loses(1).await;
    place.sent().await;
    place.reader.hears(user(1)).await;
    assert_eq!(place.reader.cache.get(&2), Some("old"));
    assert_eq!(place.reader.users.stats().flushes, flushes);
    let stats = place.users.stats();
    assert_eq!((stats.deferred, stats.resent), (1, 1), "{stats:?}");
}

/// The server is frozen between the commit and the publication.
#[tokio::test]
async fn every_instance_evicts_when_a_frozen_server_goes_on() {
    let server = Server::start().await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        let bus = hasty(&server.url())
            .heartbeat(Duration::from_millis(100))
            .lease(Duration::from_secs(1))
            .connect()
            .await
            .unwrap();
        readers.push(Reader::on(bus).await);
        readers.last().unwrap().fill(1).await;
    }
    server.freeze();
    // Once this is noticed, no connection is left on which the event could reach the server later.
    for reader in &readers {
        let mut health = reader.bus.watch_health();
        until("the bus to be down", &mut health, |health| {
            !health.is_live()
        })
        .await;
    }
    deferred(readers[0].users.invalidate_user(1u64).await);
    server.thaw();
    for reader in &readers {
        reader.loses(1).await;
    }
    let left = async || readers[0].users.stats().in_outbox();
    eventually("the outbox to be empty", left, |left| *left == 0).await;
    assert_eq!(readers[0].users.stats().resent, 1);
    for reader in &readers {
        let heard = |seen: &[UserEvent]| seen.contains(&user(1)) || seen.contains(&UserEvent::All);
        reader.seen.until("the event, or a flush", heard).await;
    }
}

#[tokio::test]
async fn nothing_is_lost_when_the_server_is_killed_and_restarted() {
    let mut server = Server::start().await;
    let bus = hasty(&server.url()).connect().await.unwrap();
    let reader = Reader::on(hasty(&server.url()).connect().await.unwrap()).await;
    let users = Users::new(&bus);
    reader.fill(1).await;
    server.kill9();
    deferred(users.invalidate_user(1u64).await);
    deferred(users.invalidate_user(2u64).await);
    server.restart().await;
    let left = async || users.stats().in_outbox();
    eventually("the outbox to be empty", left, |left| *left == 0).await;
    assert_eq!(users.stats().resent, 2);
    reader.loses(1).await;
}

#[tokio::test]
async fn a_publication_that_is_given_up_is_sent() {
    let place = Place::new().await;
    place.cut_off();
    {
        let publishing = pin!(place.users.invalidate_user(1u64));
        let polled = publishing.poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    assert_eq!(place.users.stats().deferred, 1);
    place.proxy.heal();
    place.reader.hears(user(1)).await;
}

/// The deletion in Redis is made up for, and the event comes after it, or deletes again.
#[tokio::test]
async fn a_cache_in_redis_evicts_too() {
    let place = Place::new().await;
    let texts = |bus: &Bus| {
        RedisCache::<String>::builder(bus, "texts", LONG)
            .memory(LONG, 100)
            .evict_on(&Users::new(bus), |event| match event {
                UserEvent::User { user_id } => Evict::key(user_id.to_string()),
                UserEvent::All => Evict::All,
            })
            .build()
            .unwrap()
    };
    let (here, there) = (texts(&place.bus), texts(&place.reader.bus));
    place.bus.ready().await.unwrap();
    place.reader.bus.ready().await.unwrap();
    let filled = async |cache: &RedisCache<String, Coherent>| {
        let load = || async { "old".to_owned() };
        let _ = cache.get_or_load("1", load).await;
        cache.get("1").await.ok().flatten()
    };
    for cache in [&here, &there] {
        let probe = async || filled(cache).await;
        eventually("the value to be kept", probe, Option::is_some).await;
    }
    place.cut_off();
    let error = place.users.invalidate_user(1u64).await.unwrap_err();
    assert!(error.is_deferred() && error.not_evicted().len() == 1);
    assert_eq!(there.get("1").await.unwrap().as_deref(), Some("old"));
    place.proxy.heal();
    for cache in [&here, &there] {
        let get = async || cache.get("1").await.ok().flatten();
        eventually("the value to be gone", get, Option::is_none).await;
    }
    place.sent().await;
}

#[tokio::test]
async fn a_receipt_says_whether_the_bus_was_live() {
    let server = Server::start().await;
    for bus in [
        Bus::in_process(),
        patient(&server.url()).connect().await.unwrap(),
    ] {
        let users = Users::new(&bus);
        let receipt = users.invalidate_all().await.unwrap();
        assert!(!receipt.is_proven(), "nothing is subscribed");
        let _guard = users.subscribe(|_| ());
        bus.ready().await.unwrap();
        let receipt = users.invalidate_all().await.unwrap();
        assert!(receipt.is_proven());
    }
}

#[tokio::test]
async fn a_bus_in_the_process_never_defers() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    for user_id in 0..100u64 {
        users.invalidate_user(user_id).await.unwrap();
        // Given up at once, it has been delivered.
        let publishing = pin!(users.invalidate_user(user_id));
        let polled = publishing.poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_ready());
    }
    assert_eq!(users.stats().deferred, 0);
    assert!(bus.close().await.is_empty());
    assert!(users.invalidate_all().await.unwrap_err().is_refused());
}
