//! Refreshing ahead of expiry.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::redis::Fetched;
use cache_runtime::redis::{Ahead, Plain};
use cache_runtime::{Bus, ManualClock, RedisCache};
use support::{eventually, within};

use crate::fixture::{LONG, Place, Source, builder, in_both_places, never, untimed};

const MINUTE: Duration = Duration::from_secs(60);

fn ahead(bus: &Bus) -> RedisCache<String, Ahead<Plain>> {
    builder(bus).refresh_ahead(MINUTE).build().unwrap()
}

/// An entry that has less than a minute left.
async fn store_old(place: &Place) {
    let bus = place.instance().await;
    let cache = untimed(&bus).ttl(MINUTE / 2).build().unwrap();
    cache.set("a", &"old".to_owned()).await.unwrap();
}

async fn becomes(expected: &str, cache: &RedisCache<String, Ahead>) {
    let get = async || cache.get("a").await.unwrap();
    let is = |value: &Option<String>| value.as_deref() == Some(expected);
    eventually(expected, get, is).await;
}

async fn a_value_about_to_expire_is_served_and_refreshed(place: &Place) {
    let bus = place.instance().await;
    let cache = ahead(&bus);
    store_old(place).await;
    let source = Source::held("new");
    for _ in 0..20 {
        let source = source.clone();
        let value = cache.get_or_fetch("a", || source.fetch()).await;
        assert_eq!(value.unwrap(), "old");
    }
    source.has_begun().await;
    source.release();
    becomes("new", &cache).await;
    assert!(place.ttl("texts:v:a").await > MINUTE);
    // It is fresh now.
    for _ in 0..20 {
        let source = source.clone();
        let value = cache.get_or_fetch("a", || source.fetch()).await;
        assert_eq!(value.unwrap(), "new");
    }
    assert_eq!(source.fetches(), 1);
    let stats = cache.stats();
    assert_eq!((stats.refreshes, stats.fetches), (1, 1), "{stats:?}");
    let lock = async || place.stored("texts:t:a").await;
    eventually("the lock to be given back", lock, Option::is_none).await;
}

async fn one_instance_refreshes(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let (here, there) = (ahead(&here), ahead(&there));
    store_old(place).await;
    let source = Source::held("new");
    let fetch = |source: &Source| {
        let source = source.clone();
        || source.fetch()
    };
    assert_eq!(here.get_or_fetch("a", fetch(&source)).await.unwrap(), "old");
    source.has_begun().await;
    for _ in 0..20 {
        assert_eq!(
            there.get_or_fetch("a", fetch(&source)).await.unwrap(),
            "old"
        );
    }
    source.release();
    becomes("new", &here).await;
    becomes("new", &there).await;
    for _ in 0..20 {
        assert_eq!(
            there.get_or_fetch("a", fetch(&source)).await.unwrap(),
            "new"
        );
    }
    assert_eq!(source.fetches(), 1);
}

async fn memory_is_refreshed_too(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here)
        .refresh_ahead(MINUTE)
        .memory(LONG, 10)
        .build()
        .unwrap();
    store_old(place).await;
    assert_eq!(here.get("a").await.unwrap().as_deref(), Some("old"));
    let source = Source::free("new");
    let fetch = source.clone();
    assert_eq!(
        here.get_or_fetch("a", || fetch.fetch()).await.unwrap(),
        "old"
    );
    becomes("new", &here).await;
    assert_eq!(here.stats().redis_hits, 1, "only the first was from Redis");

    // What another instance has refreshed is not fetched again.
    let there = builder(&there)
        .refresh_ahead(MINUTE)
        .memory(LONG, 10)
        .build()
        .unwrap();
    store_old(place).await;
    assert_eq!(there.get("a").await.unwrap().as_deref(), Some("old"));
    here.set("a", &"newer".to_owned()).await.unwrap();
    assert_eq!(there.get_or_fetch("a", never).await.unwrap(), "old");
    becomes("newer", &there).await;
    assert_eq!(there.stats().fetches, 0);
}

async fn a_refresh_that_fails_leaves_the_old_value(place: &Place) {
    let bus = place.instance().await;
    let cache = ahead(&bus);
    store_old(place).await;
    let failing = || async { Err::<String, _>("the provider is down") };
    assert_eq!(cache.get_or_fetch("a", failing).await.unwrap(), "old");
    let failed = async || cache.stats().failed_fetches;
    eventually("the refresh to fail", failed, |failed| *failed == 1).await;
    assert_eq!(cache.get("a").await.unwrap().as_deref(), Some("old"));
    let lock = async || place.stored("texts:t:a").await;
    eventually("the lock to be given back", lock, Option::is_none).await;
    // Other instances try at once.
    let other = ahead(&place.instance().await);
    let source = Source::free("new");
    let fetch = source.clone();
    assert_eq!(
        other.get_or_fetch("a", || fetch.fetch()).await.unwrap(),
        "old"
    );
    becomes("new", &other).await;
}

async fn what_is_absent_is_not_refreshed(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus)
        .negative_ttl("gone", MINUTE / 2)
        .refresh_ahead(MINUTE);
    let cache = cache.build().unwrap();
    let absent = || async { Ok::<_, Infallible>(Fetched::absent("gone")) };
    cache.get_or_find("a", absent).await.unwrap();
    for _ in 0..20 {
        let again = || async { Ok::<_, Infallible>(Fetched::Found("refreshed".to_owned())) };
        let known = cache.get_or_find("a", again).await.unwrap();
        assert_eq!(known, Fetched::absent("gone"));
        // A refresh would begin now.
        tokio::task::yield_now().await;
    }
    assert_eq!(cache.stats().refreshes, 0);
}

async fn a_refresh_ends_with_the_cache(place: &Place) {
    let bus = place.instance().await;
    let cache = ahead(&bus);
    store_old(place).await;
    let source = Source::held("new");
    let alive = Arc::new(());
    let held = (source.clone(), Arc::clone(&alive));
    let fetch = move || async move {
        let (source, alive) = held;
        let text = source.fetch().await;
        drop(alive);
        text
    };
    assert_eq!(cache.get_or_fetch("a", fetch).await.unwrap(), "old");
    source.has_begun().await;
    let clone = cache.clone();
    drop(cache);
    assert_eq!(clone.get("a").await.unwrap().as_deref(), Some("old"));
    assert_eq!(Arc::strong_count(&alive), 2, "a clone is the same cache");
    drop(clone);
    let holders = async || Arc::strong_count(&alive);
    eventually("the refresh to end", holders, |holders| *holders == 1).await;
}

/// The time of this test stands still, except while everybody waits.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_failed_is_left_alone_for_a_while() {
    let place = Place::in_process();
    let cache = ahead(&place.instance().await);
    store_old(&place).await;
    let read = async || {
        let failing = || async { Err::<String, _>("the provider is down") };
        assert_eq!(cache.get_or_fetch("a", failing).await.unwrap(), "old");
        tokio::task::yield_now().await;
    };
    let failed = async || cache.stats().failed_fetches;
    for failures in 1..=3 {
        read().await;
        eventually("the refresh to fail", failed, |failed| *failed == failures).await;
        for _ in 0..20 {
            read().await;
        }
        assert_eq!(failed().await, failures);
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
}

/// A value that is too large to be stored would be fetched again at every read.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_changes_nothing_is_not_repeated_at_once() {
    let place = Place::in_process();
    let bus = place.instance().await;
    let cache = builder(&bus).refresh_ahead(MINUTE).max_value_bytes(8);
    let cache = cache.build().unwrap();
    store_old(&place).await;
    for rounds in 1..=3 {
        for _ in 0..20 {
            let source = Source::free("too large");
            assert_eq!(
                cache.get_or_fetch("a", || source.fetch()).await.unwrap(),
                "old"
            );
            tokio::task::yield_now().await;
        }
        assert_eq!(cache.stats().refreshes, rounds);
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(cache.stats().too_large, 3);
}

async fn who_comes_meanwhile_does_not_wait(place: &Place) {
    let bus = place.instance().await;
    let clock = ManualClock::new();
    let cache = builder(&bus)
        .refresh_ahead(MINUTE)
        .memory(LONG, 10)
        .clock(&clock);
    let cache = cache.build().unwrap();
    store_old(place).await;
    let source = Source::held("new");
    let fetch = source.clone();
    assert_eq!(
        cache.get_or_fetch("a", || fetch.fetch()).await.unwrap(),
        "old"
    );
    source.has_begun().await;
    // It is no longer in memory, and still in Redis.
    clock.advance(MINUTE);
    let meanwhile = cache.get_or_fetch("a", never);
    assert_eq!(within("the old value", meanwhile).await.unwrap(), "old");
    source.release();
    becomes("new", &cache).await;
}

in_both_places!(
    who_comes_meanwhile_does_not_wait,
    a_value_about_to_expire_is_served_and_refreshed,
    one_instance_refreshes,
    memory_is_refreshed_too,
    a_refresh_that_fails_leaves_the_old_value,
    what_is_absent_is_not_refreshed,
    a_refresh_ends_with_the_cache,
);
