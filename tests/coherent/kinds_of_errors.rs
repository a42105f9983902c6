//! Loads that fail where an expired entry may stand in: an outage is not a refusal.

use std::time::Duration;

use cache_runtime::{Bus, ManualClock};

use crate::{Cache, CacheBuilder, HOUR, Loader, Users, builder};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Failed {
    Away,
    Gone,
}

async fn built(set: impl FnOnce(CacheBuilder) -> CacheBuilder) -> (Users, Cache, ManualClock) {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let cache = set(builder(&users).clock(&clock)).build().unwrap();
    bus.ready().await.unwrap();
    for key in ["1", "2"] {
        Loader::default().read(&cache, key).await;
    }
    clock.advance(HOUR);
    (users, cache, clock)
}

async fn by_kind() -> (Users, Cache, ManualClock) {
    let is_outage = |error: &Failed| *error == Failed::Away;
    built(|builder| builder.stale_on_error_if(HOUR, is_outage)).await
}

async fn read(cache: &Cache, key: &str, error: Failed) -> Result<u64, Failed> {
    let read = cache.try_get_or_load(key, async || Err(error)).await;
    read.map_err(|error| *error)
}

#[tokio::test]
async fn a_refusal_is_returned_and_takes_the_old_entry_along() {
    let (_users, cache, _clock) = by_kind().await;
    assert_eq!(read(&cache, "1", Failed::Away).await, Ok(1));
    assert_eq!(read(&cache, "1", Failed::Gone).await, Err(Failed::Gone));
    assert_eq!(read(&cache, "1", Failed::Away).await, Err(Failed::Away));
    assert_eq!(cache.len(), 1);
    assert_eq!(read(&cache, "2", Failed::Away).await, Ok(1), "another key");
}

#[tokio::test]
async fn a_refusal_is_that_of_all_who_wait() {
    let (_users, cache, _clock) = by_kind().await;
    let callers = || {
        cache.try_get_or_load("1", async || {
            tokio::task::yield_now().await;
            Err::<u64, _>(Failed::Gone)
        })
    };
    let (one, two) = tokio::join!(callers(), callers());
    assert_eq!(
        (*one.unwrap_err(), *two.unwrap_err()),
        (Failed::Gone, Failed::Gone)
    );
    assert_eq!(cache.stats().loads, 3);
}

/// It has expired for this caller, and was loaded anew by another.
#[tokio::test]
async fn a_refusal_leaves_what_was_stored_meanwhile() {
    let (_users, cache, _clock) = by_kind().await;
    let load = async || {
        let token = cache.begin_load("1");
        token.store(7).unwrap();
        Err::<u64, _>(Failed::Gone)
    };
    assert!(cache.try_get_or_load("1", load).await.is_err());
    assert_eq!(cache.get("1"), Some(7));
}

#[tokio::test]
async fn errors_that_nobody_has_spoken_of_are_returned_and_change_nothing() {
    let (_users, cache, _clock) = by_kind().await;
    let other = cache
        .try_get_or_load("1", async || Err::<u64, _>("another type"))
        .await;
    assert_eq!(*other.unwrap_err(), "another type");
    assert_eq!(read(&cache, "1", Failed::Away).await, Ok(1));
}

#[tokio::test]
async fn each_type_has_its_own_kinds_and_one_setting_makes_all_outages() {
    let (_users, cache, _clock) = built(|builder| {
        builder
            .stale_on_error_if(HOUR, |error: &Failed| *error == Failed::Away)
            .stale_on_error_if(HOUR, |error: &&str| error.is_empty())
    })
    .await;
    let other = cache.try_get_or_load("1", async || Err::<u64, _>("")).await;
    assert_eq!(other, Ok(1));
    let other = cache
        .try_get_or_load("1", async || Err::<u64, _>("no"))
        .await;
    assert!(other.is_err());
    assert_eq!(read(&cache, "1", Failed::Away).await, Err(Failed::Away));

    let (_users, cache, _clock) = built(|builder| {
        let builder = builder.stale_on_error_if(HOUR, |_: &Failed| false);
        builder.stale_on_error(HOUR)
    })
    .await;
    assert_eq!(read(&cache, "1", Failed::Gone).await, Ok(1));
}

#[tokio::test]
async fn several_keys_at_a_time_are_told_apart_too() {
    let (_users, cache, clock) = by_kind().await;
    let fails = async |error: Failed| {
        let load = |_: Vec<String>| async move { Err::<Vec<(String, u64)>, _>(error) };
        let read = cache.try_get_many_or_load(["1", "2"], load).await;
        read.map(|found| found.len()).map_err(|error| *error)
    };
    assert_eq!(fails(Failed::Away).await, Ok(2));
    assert_eq!(fails(Failed::Gone).await, Err(Failed::Gone));
    assert_eq!(cache.len(), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(fails(Failed::Away).await, Err(Failed::Away));
}
