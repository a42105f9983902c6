//! Loads that events overtake while others wait for them: how many loads that costs, and what
//! those who wait are given.

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
        let waiting = async || cache.stats().loads;
        support::eventually("the load to begin", waiting, |loads| *loads == 1).await;
        if all {
            users.invalidate_all().await.unwrap();
        } else {
            users.invalidate_user("1").await.unwrap();
        }
        for _ in 0..100 {
            let (cache, go_on) = (cache.clone(), Arc::clone(&go_on));
            callers.spawn(async move { cache.get_or_load("1", || held(go_on, 2)).await });
        }
        support::eventually("the second load", waiting, |loads| *loads == 2).await;
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
