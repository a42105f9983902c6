//! Loads that hang, or wait for each other or for themselves: nobody waits for ever.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Bus, CoherentCache};
use support::within;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::{Cache, CacheBuilder, HOUR, Loader, Users, builder, poll_once};

const SHORT: Duration = Duration::from_millis(30);

async fn built(set: impl FnOnce(CacheBuilder) -> CacheBuilder) -> (Users, Cache) {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = set(builder(&users)).build().unwrap();
    bus.ready().await.unwrap();
    (users, cache)
}

/// Loads that always take longer than `load_wait` do not make every caller load.
#[tokio::test]
async fn callers_of_slow_loads_wait_for_each_other() {
    let (_users, cache) = built(|builder| builder.load_wait(3 * SHORT)).await;
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let cache = cache.clone();
        callers.spawn(async move {
            let slow = async || {
                tokio::time::sleep(9 * SHORT).await;
                1
            };
            cache.get_or_load("1", slow).await
        });
    }
    within("the callers", callers.join_all()).await;
    // One begins in each `load_wait`, until the first ends. A busy machine may be slower.
    assert!(cache.stats().loads < 50, "{:?}", cache.stats());
    assert_eq!(cache.get("1"), Some(1));
}

#[tokio::test]
async fn a_load_that_hangs_is_replaced() {
    let (_users, cache) = built(|builder| builder.load_wait(SHORT)).await;
    let go_on = Arc::new(Semaphore::new(0));
    let hung = async || {
        drop(go_on.acquire().await);
        7
    };
    let mut first = pin!(cache.get_or_load("1", hung));
    assert!(poll_once(first.as_mut()).is_none());
    let loader = Loader::default();
    let mut waiters = JoinSet::new();
    for _ in 0..50 {
        let (cache, loader) = (cache.clone(), loader.clone());
        waiters.spawn(async move { loader.read(&cache, "1").await });
    }
    let all = async {
        while let Some(value) = waiters.join_next().await {
            assert_eq!(value.unwrap(), 1);
        }
    };
    within("those who waited", all).await;
    assert_eq!(loader.loads(), 1);
    assert_eq!(cache.stats().hung_loads, 1);
    go_on.close();
    assert_eq!(first.await, 7);
    assert_eq!(cache.get("1"), Some(7), "nothing has overtaken it");
    assert_eq!(cache.stats().loading, 0);
}

/// Calls itself up to a depth.
async fn nested(cache: CoherentCache<String, u64>, key: &str, depth: u64) -> u64 {
    let load = async || {
        if depth == 0 {
            return 0;
        }
        Box::pin(nested(cache.clone(), key, depth - 1)).await + 1
    };
    cache.get_or_load(key, load).await
}

#[tokio::test]
async fn a_load_that_reads_its_own_key_waits_for_nobody() {
    let (_users, cache) = built(|builder| builder.load_wait(HOUR)).await;
    let read = within("the load", nested(cache.clone(), "1", 3)).await;
    assert_eq!(read, 3);
    assert_eq!(cache.stats().hung_loads, 3);
    assert_eq!(cache.stats().loading, 0);
}

#[tokio::test]
async fn loads_within_loads_need_one_permit() {
    let set = |builder: CacheBuilder| builder.max_concurrent_loads(1).load_wait(HOUR);
    let (_users, cache) = built(set).await;
    let load = async || {
        let inner = Loader::default();
        inner.read(&cache, "2").await + 1
    };
    let read = within("the load", cache.get_or_load("1", load)).await;
    assert_eq!((read, cache.get("2")), (2, Some(1)));
    assert_eq!(cache.stats().hung_loads, 0);
}

#[tokio::test]
async fn loads_that_wait_for_each_other_end() {
    let (_users, cache) = built(|builder| builder.load_wait(SHORT)).await;
    let both_began = Arc::new(tokio::sync::Barrier::new(2));
    let cross = async |own: &'static str, other: &'static str| {
        let load = async || {
            both_began.wait().await;
            cache.get_or_load(other, async || 1).await
        };
        cache.get_or_load(own, load).await
    };
    let both = async { tokio::join!(cross("1", "2"), cross("2", "1")) };
    within("both", Box::pin(both)).await;
    assert!(cache.stats().hung_loads > 0);
    assert_eq!(cache.stats().loading, 0);
}

/// As in a branch of `select!` that is not polled any more while another branch runs.
#[tokio::test]
async fn a_load_that_is_not_polled_holds_up_its_own_task_no_longer() {
    let (_users, cache) = built(|builder| builder.load_wait(SHORT)).await;
    let mut branch = pin!(cache.get_or_load("1", pending::<u64>));
    assert!(poll_once(branch.as_mut()).is_none());
    let loader = Loader::default();
    assert_eq!(
        within("the other branch", loader.read(&cache, "1")).await,
        1
    );
    assert_eq!(cache.get("1"), Some(1));
}

#[tokio::test]
async fn a_load_that_hangs_with_the_last_permit_holds_up_no_other_key() {
    let set = |builder: CacheBuilder| builder.max_concurrent_loads(1).load_wait(SHORT);
    let (_users, cache) = built(set).await;
    let mut hung = pin!(cache.get_or_load("1", pending::<u64>));
    assert!(poll_once(hung.as_mut()).is_none());
    let loader = Loader::default();
    assert_eq!(within("another key", loader.read(&cache, "2")).await, 1);
    assert_eq!(cache.stats().hung_loads, 1);
}
