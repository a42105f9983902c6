//! Refreshing ahead of expiry.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::redis::Loaded;
use cache_runtime::{Bus, ManualClock, RedisCache};
use support::{eventually, within};

use crate::fixture::{LONG, Place, SHORT, Source, builder, in_both_places, lasting, never};

const MINUTE: Duration = Duration::from_secs(60);

fn ahead(bus: &Bus, source: &Source) -> RedisCache<String> {
    let builder = builder(bus).refresh_ahead(MINUTE, source.loader());
    builder.build().unwrap()
}

/// A cache whose refreshes fail.
fn failing(bus: &Bus) -> RedisCache<String> {
    let fail = async |_| Err::<String, _>("the provider is down");
    builder(bus).refresh_ahead(MINUTE, fail).build().unwrap()
}

/// Stores an entry that has less than a minute left.
async fn store_old(place: &Place) {
    let bus = place.instance().await;
    let cache = lasting(&bus, MINUTE / 2).build().unwrap();
    cache.insert("a", "old".to_owned()).await.unwrap();
}

/// Reads the entry, which must be there.
async fn read(cache: &RedisCache<String>) -> String {
    cache.try_get_or_load("a", never).await.unwrap()
}

async fn becomes(expected: &str, cache: &RedisCache<String>) {
    let get = async || cache.get("a").await.unwrap();
    let is = |value: &Option<String>| value.as_deref() == Some(expected);
    eventually(expected, get, is).await;
}

async fn a_value_about_to_expire_is_served_and_refreshed(place: &Place) {
    let bus = place.instance().await;
    let source = Source::held("new");
    let cache = ahead(&bus, &source);
    store_old(place).await;
    for _ in 0..20 {
        assert_eq!(read(&cache).await, "old");
    }
    source.has_begun().await;
    source.release();
    becomes("new", &cache).await;
    assert!(place.ttl("texts:a").await > MINUTE);
    // It is fresh now.
    for _ in 0..20 {
        assert_eq!(read(&cache).await, "new");
    }
    assert_eq!(source.loads(), 1);
    let stats = cache.stats();
    assert_eq!((stats.refreshes, stats.loads), (1, 1), "{stats:?}");
    let lock = async || place.stored("cache-runtime:lock:{texts:a}").await;
    eventually("the lock to be given back", lock, Option::is_none).await;
}

async fn every_way_to_load_refreshes(place: &Place) {
    let bus = place.instance().await;
    for way in 0..3 {
        let source = Source::free("new");
        let cache = ahead(&bus, &source);
        store_old(place).await;
        match way {
            0 => drop(
                cache
                    .get_or_load("a", async || panic!("loaded"))
                    .await
                    .unwrap(),
            ),
            1 => drop(cache.try_get_or_load("a", never).await.unwrap()),
            _ => {
                let never = async || never().await.map(Loaded::Present);
                drop(cache.lookup_or_load("a", never).await.unwrap());
            }
        }
        becomes("new", &cache).await;
    }
}

async fn the_loader_is_given_the_key_and_may_find_that_there_is_no_value(place: &Place) {
    let bus = place.instance().await;
    let gone = async |key: String| Ok::<_, Infallible>(Loaded::<String>::absent(key));
    let cache = builder(&bus).refresh_ahead(MINUTE, gone).build().unwrap();
    store_old(place).await;
    assert_eq!(read(&cache).await, "old");
    let lookup = async || cache.lookup("a").await.unwrap();
    let gone = Some(Loaded::absent("a"));
    eventually("the value to go", lookup, |now| *now == gone).await;
}

async fn one_instance_refreshes(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let source = Source::held("new");
    let (here, there) = (ahead(&here, &source), ahead(&there, &source));
    store_old(place).await;
    assert_eq!(read(&here).await, "old");
    source.has_begun().await;
    for _ in 0..20 {
        assert_eq!(read(&there).await, "old");
    }
    source.release();
    becomes("new", &here).await;
    becomes("new", &there).await;
    for _ in 0..20 {
        assert_eq!(read(&there).await, "new");
    }
    assert_eq!(source.loads(), 1);
}

async fn memory_is_refreshed_too(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here)
        .refresh_ahead(MINUTE, Source::free("new").loader())
        .memory(LONG, 10)
        .build()
        .unwrap();
    store_old(place).await;
    assert_eq!(here.get("a").await.unwrap().as_deref(), Some("old"));
    assert_eq!(read(&here).await, "old");
    becomes("new", &here).await;
    assert_eq!(here.stats().redis_hits, 1, "only the first was from Redis");

    // What another instance has refreshed is not loaded again.
    let there = builder(&there)
        .refresh_ahead(MINUTE, async |_| never().await)
        .memory(LONG, 10)
        .build()
        .unwrap();
    store_old(place).await;
    assert_eq!(there.get("a").await.unwrap().as_deref(), Some("old"));
    here.insert("a", "newer".to_owned()).await.unwrap();
    assert_eq!(read(&there).await, "old");
    becomes("newer", &there).await;
    assert_eq!(there.stats().loads, 0);
}

async fn a_refresh_that_fails_leaves_the_old_value(place: &Place) {
    let bus = place.instance().await;
    let cache = failing(&bus);
    store_old(place).await;
    assert_eq!(read(&cache).await, "old");
    let failed = async || cache.stats().failed_loads;
    eventually("the refresh to fail", failed, |failed| *failed == 1).await;
    assert_eq!(cache.get("a").await.unwrap().as_deref(), Some("old"));
    let lock = async || place.stored("cache-runtime:lock:{texts:a}").await;
    eventually("the lock to be given back", lock, Option::is_none).await;
    // Another instance refreshes at once.
    let other = ahead(&place.instance().await, &Source::free("new"));
    assert_eq!(read(&other).await, "old");
    becomes("new", &other).await;
}

async fn what_is_absent_is_not_refreshed(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus)
        .negative_ttl("gone", MINUTE / 2)
        .refresh_ahead(MINUTE, Source::free("refreshed").loader());
    let cache = cache.build().unwrap();
    let absent = || async { Ok::<_, Infallible>(Loaded::absent("gone")) };
    cache.lookup_or_load("a", absent).await.unwrap();
    for _ in 0..20 {
        let again = || async { Ok::<_, Infallible>(Loaded::Present("loaded".to_owned())) };
        let known = cache.lookup_or_load("a", again).await.unwrap();
        assert_eq!(known, Loaded::absent("gone"));
        // Here a refresh would begin.
        tokio::task::yield_now().await;
    }
    assert_eq!(cache.stats().refreshes, 0);
}

async fn a_refresh_ends_with_the_cache(place: &Place) {
    let bus = place.instance().await;
    let source = Source::held("new");
    let alive = Arc::new(());
    let load = {
        let (source, alive) = (source.clone(), Arc::downgrade(&alive));
        move |_| {
            let (source, alive) = (source.clone(), alive.upgrade());
            async move {
                let text = source.load().await;
                drop(alive);
                text
            }
        }
    };
    let cache = builder(&bus).refresh_ahead(MINUTE, load).build().unwrap();
    store_old(place).await;
    assert_eq!(read(&cache).await, "old");
    source.has_begun().await;
    let clone = cache.clone();
    drop(cache);
    assert_eq!(clone.get("a").await.unwrap().as_deref(), Some("old"));
    assert_eq!(Arc::strong_count(&alive), 2, "a clone is the same cache");
    drop(clone);
    let holders = async || Arc::strong_count(&alive);
    eventually("the refresh to end", holders, |holders| *holders == 1).await;
}

/// The time of this test advances only while every task waits.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_failed_is_left_alone_for_a_while() {
    let place = Place::in_process();
    let cache = failing(&place.instance().await);
    is_left_alone_for_a_while(&place, cache).await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_panicked_is_left_alone_for_a_while() {
    let place = Place::in_process();
    let panics = async |_| -> Result<String, String> { panic!("as the test wants it") };
    let cache = builder(&place.instance().await).refresh_ahead(MINUTE, panics);
    is_left_alone_for_a_while(&place, cache.build().unwrap()).await;
}

#[tokio::test]
async fn a_refresh_that_hangs_is_given_up() {
    let place = Place::in_process();
    let hangs = async |_| pending::<Result<String, String>>().await;
    let cache = builder(&place.instance().await).refresh_ahead(MINUTE, hangs);
    let cache = cache.load_wait(SHORT).build().unwrap();
    store_old(&place).await;
    assert_eq!(read(&cache).await, "old");
    let failed = async || cache.stats().failed_loads;
    eventually("the refresh to end", failed, |failed| *failed == 1).await;
    assert_eq!(read(&cache).await, "old");
}

/// Another thread gives it back. A timer would let the time of the test advance meanwhile.
async fn token_is_given_back(place: &Place) {
    while place.stored("cache-runtime:lock:{texts:a}").await.is_some() {
        tokio::task::yield_now().await;
    }
}

async fn is_left_alone_for_a_while(place: &Place, cache: RedisCache<String>) {
    store_old(place).await;
    let read = async || {
        assert_eq!(read(&cache).await, "old");
        tokio::task::yield_now().await;
    };
    let failed = async || cache.stats().failed_loads;
    for failures in 1..=3 {
        read().await;
        while failed().await != failures {
            tokio::task::yield_now().await;
        }
        token_is_given_back(place).await;
        for _ in 0..20 {
            read().await;
        }
        assert_eq!(failed().await, failures);
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
}

/// A value that is too large to be stored would be loaded again at every read.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_changes_nothing_is_not_repeated_at_once() {
    let place = Place::in_process();
    let bus = place.instance().await;
    let source = Source::free("too large");
    let cache = builder(&bus)
        .refresh_ahead(MINUTE, source.loader())
        .max_value_bytes(8);
    let cache = cache.build().unwrap();
    store_old(&place).await;
    for rounds in 1..=3 {
        for _ in 0..20 {
            assert_eq!(read(&cache).await, "old");
            tokio::task::yield_now().await;
        }
        assert_eq!(cache.stats().refreshes, rounds);
        token_is_given_back(&place).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(cache.stats().too_large, 3);
}

async fn a_reader_during_a_refresh_does_not_wait(place: &Place) {
    let bus = place.instance().await;
    let clock = ManualClock::new();
    let source = Source::held("new");
    let cache = builder(&bus)
        .refresh_ahead(MINUTE, source.loader())
        .memory(LONG, 10)
        .clock(&clock);
    let cache = cache.build().unwrap();
    store_old(place).await;
    assert_eq!(read(&cache).await, "old");
    source.has_begun().await;
    // The entry has expired in memory, but not in Redis.
    clock.advance(MINUTE);
    assert_eq!(within("the old value", read(&cache)).await, "old");
    source.release();
    becomes("new", &cache).await;
}

in_both_places!(
    a_reader_during_a_refresh_does_not_wait,
    a_value_about_to_expire_is_served_and_refreshed,
    every_way_to_load_refreshes,
    the_loader_is_given_the_key_and_may_find_that_there_is_no_value,
    one_instance_refreshes,
    memory_is_refreshed_too,
    a_refresh_that_fails_leaves_the_old_value,
    what_is_absent_is_not_refreshed,
    a_refresh_ends_with_the_cache,
);
