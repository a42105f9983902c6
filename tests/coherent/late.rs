//! Loads that take long: they are given up, or others are given the expired entry meanwhile.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use cache_runtime::cache::LoadTimedOut;
use cache_runtime::{Bus, ManualClock};
use support::within;
use tokio::sync::Semaphore;

use crate::{Cache, CacheBuilder, HOUR, Loader, Users, builder, poll_once};

const SHORT: Duration = Duration::from_millis(30);

#[derive(Debug, Clone, PartialEq)]
enum Failed {
    Late(LoadTimedOut),
}

async fn built(set: impl FnOnce(CacheBuilder) -> CacheBuilder) -> (Users, Cache, ManualClock) {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let cache = set(builder(&users).clock(&clock)).build().unwrap();
    bus.ready().await.unwrap();
    (users, cache, clock)
}

async fn hangs() -> Result<u64, Failed> {
    pending().await
}

#[tokio::test]
async fn a_load_that_takes_too_long_is_given_up_for_all_who_wait() {
    let set = |builder: CacheBuilder| builder.load_timeout(SHORT, Failed::Late).load_wait(HOUR);
    let (_users, cache, _clock) = built(set).await;
    let mut one = pin!(cache.try_get_or_load("1", hangs));
    assert!(poll_once(one.as_mut()).is_none());
    let never = async || panic!("it waits");
    let mut two = pin!(cache.try_get_or_load::<_, _, _, Failed>("1", never));
    assert!(poll_once(two.as_mut()).is_none());
    // It knows no such error, and loads.
    let mut three = pin!(cache.get_or_load("1", async || 3));
    assert!(poll_once(three.as_mut()).is_none());
    let Failed::Late(late) = (*within("its caller", one).await.unwrap_err()).clone();
    assert_eq!((late.cache(), late.limit()), ("users", SHORT));
    let Failed::Late(also) = (*within("who waits", two).await.unwrap_err()).clone();
    assert_eq!(also, late);
    assert_eq!(within("who cannot fail", three).await, 3);
    let stats = cache.stats();
    assert_eq!(
        (stats.hung_loads, stats.failed_loads, stats.loading),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn several_keys_are_given_up_together() {
    let set = |builder: CacheBuilder| builder.load_timeout(SHORT, Failed::Late);
    let (_users, cache, _clock) = built(set).await;
    let load = async |_: Vec<String>| pending::<Result<Vec<(String, u64)>, Failed>>().await;
    let read = within("the call", cache.try_get_many_or_load(["1", "2"], load)).await;
    assert!(matches!(&*read.unwrap_err(), Failed::Late(_)));
    assert_eq!((cache.stats().failed_loads, cache.stats().loading), (2, 0));
}

#[tokio::test]
async fn what_is_in_time_is_stored_and_calls_with_other_errors_are_not_limited() {
    let set = |builder: CacheBuilder| builder.load_timeout(HOUR, Failed::Late);
    let (_users, cache, _clock) = built(set).await;
    let read = cache
        .try_get_or_load("1", async || Ok::<_, Failed>(1))
        .await;
    assert_eq!((read, cache.get("1")), (Ok(1), Some(1)));

    let set = |builder: CacheBuilder| builder.load_timeout(Duration::from_millis(1), Failed::Late);
    let (_users, cache, _clock) = built(set).await;
    let slow = async || {
        tokio::time::sleep(SHORT).await;
        Ok::<_, &str>(1)
    };
    assert_eq!(cache.try_get_or_load("1", slow).await, Ok(1));
    let slow = async || slow().await.unwrap();
    assert_eq!(cache.get_or_load("2", slow).await, 1);
}

#[tokio::test]
async fn the_expired_entry_stands_in_for_a_load_that_is_given_up() {
    let set = |builder: CacheBuilder| {
        builder
            .load_timeout(SHORT, Failed::Late)
            .stale_on_error(HOUR)
    };
    let (users, cache, clock) = built(set).await;
    Loader::default().read(&cache, "1").await;
    clock.advance(HOUR);
    let read = within("the read", cache.try_get_or_load("1", hangs)).await;
    assert_eq!(read, Ok(1));
    users.invalidate_user("1").await.unwrap();
    let read = within("the read", cache.try_get_or_load("1", hangs)).await;
    assert!(read.is_err(), "it was evicted");
}

fn soft(builder: CacheBuilder) -> CacheBuilder {
    builder
        .stale_on_error(HOUR)
        .stale_after(SHORT)
        .load_wait(HOUR)
}

/// A load that ends when it is let go on.
async fn slow(go_on: &Semaphore, value: u64) -> u64 {
    drop(go_on.acquire().await);
    value
}

#[tokio::test]
async fn those_who_wait_for_a_slow_load_are_given_the_expired_entry_and_it_is_stored() {
    let (_users, cache, clock) = built(soft).await;
    Loader::default().read(&cache, "1").await;
    clock.advance(HOUR);
    let go_on = Semaphore::new(0);
    let mut loads = pin!(cache.get_or_load("1", || slow(&go_on, 7)));
    assert!(poll_once(loads.as_mut()).is_none());
    let never = async || panic!("it is being loaded");
    assert_eq!(within("one", cache.get_or_load("1", never)).await, 1);
    let none = async |_| -> [(String, u64); 0] { panic!("it is being loaded") };
    let many = cache.get_many_or_load(["1"], none);
    assert_eq!(within("several", many).await, [("1".to_owned(), 1)].into());
    assert!(poll_once(loads.as_mut()).is_none(), "it goes on");
    go_on.close();
    assert_eq!(loads.await, 7);
    assert_eq!(cache.get("1"), Some(7));
    assert_eq!((cache.stats().loads, cache.stats().loading), (2, 0));
}

#[tokio::test]
async fn an_entry_that_was_evicted_or_is_too_old_or_missing_stands_in_for_no_slow_load() {
    let (users, cache, clock) = built(soft).await;
    for key in ["evicted", "flushed", "old"] {
        Loader::default().read(&cache, key).await;
    }
    clock.advance(HOUR);
    users.invalidate_user("evicted").await.unwrap();
    let waits = async |key: &str, before: &mut dyn FnMut()| {
        let go_on = Semaphore::new(0);
        let mut loads = pin!(cache.get_or_load(key, || slow(&go_on, 7)));
        assert!(poll_once(loads.as_mut()).is_none());
        let mut waits = pin!(cache.get_or_load(key, async || panic!("it is being loaded")));
        assert!(poll_once(waits.as_mut()).is_none());
        before();
        // Longer than `stale_after`: an entry that stood in would be there by then.
        assert!(
            tokio::time::timeout(3 * SHORT, waits.as_mut())
                .await
                .is_err(),
            "{key}"
        );
        go_on.close();
        assert_eq!(loads.await, 7);
        assert_eq!(within("who waits", waits).await, 7, "{key}");
    };
    waits("evicted", &mut || ()).await;
    waits("missing", &mut || ()).await;
    waits("old", &mut || clock.advance(HOUR)).await;
    users.invalidate_all().await.unwrap();
    waits("flushed", &mut || ()).await;
}

#[tokio::test]
async fn settings_that_mean_nothing_are_refused() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let refused = |set: fn(CacheBuilder) -> CacheBuilder| {
        set(builder(&users)).build().unwrap_err().to_string()
    };
    let error = refused(|builder| builder.stale_after(SHORT));
    assert!(
        error.contains("stale_after without stale_on_error"),
        "{error}"
    );
    let error = refused(|builder| builder.load_timeout(Duration::ZERO, |_| ()));
    assert!(error.contains("load_timeout of 0ns"), "{error}");
}
