//! What those are given who wait for a load that an event overtakes, or that fails, and how many
//! loads that costs.

use std::pin::pin;
use std::sync::Arc;

use cache_runtime::Bus;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::{Loader, live, poll_once};

/// A load that ends when it is let go on.
async fn held(go_on: Arc<Semaphore>, value: u64) -> u64 {
    // It is closed, never acquired.
    drop(go_on.acquire().await);
    value
}

/// As [`held`], for a load that fails.
async fn failing(go_on: Arc<Semaphore>) -> Result<u64, &'static str> {
    drop(go_on.acquire().await);
    Err("as the test wants it")
}

#[tokio::test]
async fn an_event_during_a_load_costs_one_more() {
    for all in [false, true] {
        let bus = Bus::in_process();
        let (users, cache) = live(&bus).await;
        let go_on = Arc::new(Semaphore::new(0));
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let (cache, go_on) = (cache.clone(), Arc::clone(&go_on));
            callers.spawn(async move { cache.get_or_load("1", || held(go_on, 1)).await });
        }
        let waiting = async || (cache.stats().loads, cache.stats().misses);
        support::eventually("all to wait", waiting, |waiting| *waiting == (1, 100)).await;
        if all {
            users.invalidate_all().await.unwrap();
        } else {
            users.invalidate_user("1").await.unwrap();
        }
        // The event has come back, and would overtake the second load, once a later one does.
        users.invalidate_user("2").await.unwrap();
        let received = async || users.stats().received;
        support::eventually("both events", received, |received| *received == 2).await;
        for _ in 0..100 {
            let (cache, go_on) = (cache.clone(), Arc::clone(&go_on));
            callers.spawn(async move { cache.get_or_load("1", || held(go_on, 2)).await });
        }
        support::eventually("all to wait", waiting, |waiting| *waiting == (2, 200)).await;
        go_on.close();
        while let Some(called) = callers.join_next().await {
            called.unwrap();
        }
        assert_eq!(cache.stats().loads, 2);
    }
}

/// However fast events come, whoever waits is given the value of the load that it waits for.
#[tokio::test]
async fn whoever_came_before_an_event_may_have_the_value_that_it_overtakes() {
    let (users, cache) = live(&Bus::in_process()).await;
    let go_on = Arc::new(Semaphore::new(0));
    let mut first = pin!(cache.get_or_load("1", || held(Arc::clone(&go_on), 1)));
    assert!(poll_once(first.as_mut()).is_none());
    let loader = Loader::default();
    let mut before = pin!(loader.read(&cache, "1"));
    assert!(poll_once(before.as_mut()).is_none());
    for _ in 0..10 {
        users.invalidate_user("1").await.unwrap();
        assert!(poll_once(before.as_mut()).is_none());
    }
    let after = loader.read(&cache, "1").await;
    assert_eq!((after, loader.loads()), (1, 1), "it loads anew");
    go_on.close();
    assert_eq!(first.await, 1);
    assert_eq!(before.await, 1);
    assert_eq!(loader.loads(), 1, "it has not loaded");
}

#[tokio::test]
async fn a_waiter_that_goes_takes_nothing_from_those_who_wait_for_an_overtaken_load() {
    let (users, cache) = live(&Bus::in_process()).await;
    let go_on = Arc::new(Semaphore::new(0));
    let mut first = pin!(cache.get_or_load("1", || held(Arc::clone(&go_on), 7)));
    assert!(poll_once(first.as_mut()).is_none());
    let loader = Loader::default();
    let mut goes = Box::pin(loader.read(&cache, "1"));
    let mut stays = pin!(loader.read(&cache, "1"));
    assert!(poll_once(goes.as_mut()).is_none());
    assert!(poll_once(stays.as_mut()).is_none());
    users.invalidate_user("1").await.unwrap();
    drop(goes);
    assert!(poll_once(stays.as_mut()).is_none());
    go_on.close();
    assert_eq!(first.await, 7);
    assert_eq!(stays.await, 7);
    assert_eq!(loader.loads(), 0, "it has not loaded");
}

/// The value of a token may never come.
#[tokio::test]
async fn nobody_waits_for_a_token() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let token = cache.begin_load("1");
    let loader = Loader::default();
    assert_eq!(poll_once(pin!(loader.read(&cache, "1"))), Some(1));
    token.store(2).unwrap();
    assert_eq!(cache.get("1"), Some(2));
}

#[tokio::test]
async fn a_load_that_is_overtaken_and_dropped_makes_them_begin_anew() {
    let (users, cache) = live(&Bus::in_process()).await;
    let go_on = Arc::new(Semaphore::new(0));
    let mut first = Box::pin(cache.get_or_load("1", || held(Arc::clone(&go_on), 7)));
    assert!(poll_once(first.as_mut()).is_none());
    let loader = Loader::default();
    let mut waiter = pin!(loader.read(&cache, "1"));
    assert!(poll_once(waiter.as_mut()).is_none());
    users.invalidate_user("1").await.unwrap();
    drop(first);
    assert_eq!(support::within("the waiter", waiter).await, 1);
    assert_eq!(cache.stats().loading, 0);
}

#[tokio::test]
async fn all_who_wait_share_a_failure() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let go_on = Arc::new(Semaphore::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (cache, go_on) = (cache.clone(), Arc::clone(&go_on));
        callers.spawn(async move { cache.try_get_or_load("1", || failing(go_on)).await });
    }
    let loads = async || cache.stats().loads;
    support::eventually("the load to begin", loads, |loads| *loads == 1).await;
    tokio::task::yield_now().await;
    go_on.close();
    while let Some(called) = callers.join_next().await {
        assert_eq!(*called.unwrap().unwrap_err(), "as the test wants it");
    }
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.failed_loads, stats.loading), (1, 1, 0));
    assert_eq!(
        Loader::default().read(&cache, "1").await,
        1,
        "the next loads"
    );
}

/// Whoever expects errors of another type loads for itself.
#[tokio::test]
async fn a_failure_of_another_type_is_not_shared() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let go_on = Arc::new(Semaphore::new(0));
    let mut first = pin!(cache.try_get_or_load("1", || failing(Arc::clone(&go_on))));
    assert!(poll_once(first.as_mut()).is_none());
    let mut second = pin!(cache.try_get_or_load("1", async || Err::<u64, u8>(7)));
    assert!(poll_once(second.as_mut()).is_none());
    go_on.close();
    assert!(first.await.is_err());
    assert_eq!(*second.await.unwrap_err(), 7);
}

/// It has found no entry when it came, and yet has not loaded.
#[tokio::test]
async fn a_value_that_another_caller_has_stored_meanwhile_is_shared() {
    let (_users, cache) = live(&Bus::in_process()).await;
    let go_on = Arc::new(Semaphore::new(0));
    let mut first = pin!(cache.try_get_or_load("1", || failing(Arc::clone(&go_on))));
    assert!(poll_once(first.as_mut()).is_none());
    // It does not share the failure, whose type is another one.
    let mut second = pin!(cache.try_get_or_load("1", async || Err::<u64, u8>(7)));
    assert!(poll_once(second.as_mut()).is_none());
    go_on.close();
    assert!(first.await.is_err());
    assert_eq!(Loader::default().read(&cache, "1").await, 1);
    assert_eq!(second.await, Ok(1));
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.shared_loads), (0, 2, 1));
    assert_eq!((stats.loads, stats.failed_loads), (2, 1));
    assert_eq!(stats.hit_ratio(), Some(1.0 / 3.0));
}
