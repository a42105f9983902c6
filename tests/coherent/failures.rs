//! Loaders and settings that fail: what the caller receives, and that the next caller loads.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use cache_runtime::{Bus, CoherentCache, ManualClock};
use support::within;

use crate::{Cache, HOUR, Loader, Users, builder, live, poll_once};

async fn fails(cache: &Cache, key: &str) -> Result<u64, &'static str> {
    let load = || async { Err("as the test wants it") };
    let read = cache.try_get_or_load(key, load).await;
    read.map_err(|error| *error)
}

/// Asserts that a load that panics makes its caller panic.
async fn panics(cache: &Cache, key: &str) {
    let (cache, key) = (cache.clone(), key.to_owned());
    let load = async move {
        let load = || async { panic!("as the test wants it") };
        cache.get_or_load(&key, load).await
    };
    assert!(tokio::spawn(load).await.unwrap_err().is_panic());
}

#[tokio::test]
async fn of_a_loader_are_the_callers_and_nothing_is_stored() {
    let (_users, cache) = live(&Bus::in_process()).await;
    assert!(fails(&cache, "1").await.is_err());
    panics(&cache, "1").await;
    assert!(cache.is_empty());
    assert_eq!(cache.stats().loading, 0);
    assert_eq!(cache.stats().failed_loads, 2);
    assert_eq!(Loader::default().read(&cache, "1").await, 1);
}

#[tokio::test]
async fn hand_over_to_whoever_waits() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let loader = Loader::default();
    let mut first = Box::pin(cache.get_or_load("1", pending::<u64>));
    let mut second = pin!(loader.read(&cache, "1"));
    assert!(poll_once(first.as_mut()).is_none());
    assert!(
        poll_once(second.as_mut()).is_none(),
        "it waits for the first"
    );
    assert_eq!(loader.loads(), 0);
    drop(first);
    assert_eq!(within("the second to load", second).await, 1);
    assert_eq!(cache.get("1"), Some(1));
}

/// Some settings are closures of the user.
#[tokio::test]
async fn of_a_setting_that_panics_leave_nothing_behind() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let build = |settings: crate::CacheBuilder| settings.build().unwrap();
    let wrong = |value: &u64| assert_ne!(*value, 0, "as the test wants it");
    let caches = [
        build(builder(&users).ttl_by(move |value| {
            wrong(value);
            HOUR
        })),
        build(builder(&users).max_weight(100, move |_, value| {
            wrong(value);
            1
        })),
    ];
    bus.ready().await.unwrap();
    for cache in caches {
        let read = |value: u64| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get_or_load("1", || async move { value }).await })
        };
        assert!(read(0).await.unwrap_err().is_panic());
        assert_eq!(cache.stats().loading, 0, "the load stays");
        assert_eq!(within("the next load", read(1)).await.unwrap(), 1);
        let token = cache.begin_load("2");
        let filled = std::panic::catch_unwind(AssertUnwindSafe(|| token.store(0)));
        assert!(filled.is_err());
        assert_eq!(cache.stats().loading, 0, "the token stays");
    }
}

fn forgiving(users: &Users, clock: &ManualClock) -> Cache {
    let minute = Duration::from_secs(60);
    CoherentCache::builder("users", minute)
        .evict_on(users, crate::evict)
        .stale_on_error(minute)
        .clock(clock)
        .build()
        .unwrap()
}

#[tokio::test]
async fn may_be_answered_with_what_has_expired() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let cache = forgiving(&users, &clock);
    bus.ready().await.unwrap();
    Loader::default().read(&cache, "1").await;

    clock.advance(Duration::from_secs(60));
    assert_eq!(cache.get("1"), None, "only where a loader fails");
    assert!(!cache.contains("1"));
    assert_eq!(fails(&cache, "1").await, Ok(1));
    assert_eq!(cache.get("1"), None);
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(fails(&cache, "1").await, Ok(1));
    clock.advance(Duration::from_millis(1));
    assert!(
        fails(&cache, "1").await.is_err(),
        "as old as that it may not be"
    );
}

#[tokio::test]
async fn are_not_answered_with_what_was_evicted_or_cannot_be_proven() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let cache = forgiving(&users, &clock);
    bus.ready().await.unwrap();
    let read = async |key: &str| Loader::default().read(&cache, key).await;

    read("1").await;
    clock.advance(Duration::from_secs(90));
    users.invalidate_user("1").await.unwrap();
    assert!(fails(&cache, "1").await.is_err(), "evicted by its key");

    read("1").await;
    clock.advance(Duration::from_secs(90));
    users.invalidate_all().await.unwrap();
    assert!(fails(&cache, "1").await.is_err(), "evicted with everything");

    read("1").await;
    clock.advance(Duration::from_secs(90));
    let load = async || {
        users.invalidate_guild("1").await.unwrap();
        read("1:x").await;
        users.invalidate_user("1").await.unwrap();
        Err::<u64, _>("as the test wants it")
    };
    assert!(
        cache.try_get_or_load("1", load).await.is_err(),
        "evicted during the load"
    );

    read("1").await;
    clock.advance(Duration::from_secs(90));
    bus.close().await;
    assert!(fails(&cache, "1").await.is_err(), "nothing is proven");
}

#[tokio::test]
async fn are_the_callers_unless_staleness_was_asked_for() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let cache = builder(&users).clock(&clock).build().unwrap();
    bus.ready().await.unwrap();
    Loader::default().read(&cache, "1").await;
    clock.advance(HOUR);
    assert!(fails(&cache, "1").await.is_err());
}
