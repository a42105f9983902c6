//! Clones, and what remains when the last one is dropped.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_runtime::__private::evict;
use cache_runtime::bus::Health;
use cache_runtime::{Bus, CoherentCache, Evict, audit};
use support::{eventually, until};
use tokio::runtime::Handle;

use crate::{HOUR, Loader, Users, builder, live, poll_once};

async fn idle(bus: &Bus) {
    let mut health = bus.watch_health();
    let idle = |health: &Health| *health == Health::Idle;
    until("nothing to be subscribed", &mut health, idle).await;
}

#[tokio::test]
async fn clones_are_the_same_cache() {
    let bus = Bus::in_process();
    let (users, cache) = live(&bus).await;
    let clone = cache.clone();
    Loader::default().read(&cache, "1").await;
    assert_eq!(clone.get("1"), Some(1));
    drop(cache);
    users.invalidate_user("1").await.unwrap();
    assert_eq!(clone.get("1"), None, "it is still subscribed");
}

#[tokio::test]
async fn dropping_the_last_unsubscribes_and_drops_what_it_held() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let called = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&called);
    let value = Arc::new(());
    let cache = CoherentCache::<String, Arc<()>>::builder("users", HOUR)
        .evict_on(&users, move |event| {
            counted.fetch_add(1, Ordering::SeqCst);
            crate::evict(event)
        })
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    cache
        .get_or_load("1", || async { Arc::clone(&value) })
        .await;
    users.invalidate_renamed().await.unwrap();
    let calls = called.load(Ordering::SeqCst);
    assert!(calls > 0);
    assert_eq!(Arc::strong_count(&value), 2);

    drop(cache);
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(Arc::strong_count(&called), 1, "the closure is dropped");
    users.invalidate_renamed().await.unwrap();
    idle(&bus).await;
}

/// A task ends only when its runtime polls it.
#[test]
fn dropping_the_last_unsubscribes_while_tasks_hold_the_cache() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let called = Arc::new(());
    let counted = Arc::clone(&called);
    let (bus, cache) = runtime.block_on(async {
        let bus = Bus::in_process();
        let minute = Duration::from_secs(60);
        let hangs = |_| pending::<Result<u64, String>>();
        let cache = CoherentCache::<String, u64>::builder("left-behind", HOUR)
            .evict_on(&Users::new(&bus), move |event| {
                let _ = &counted;
                crate::evict(event)
            })
            .refresh_every(minute, ["1"], hangs);
        let cache = cache.build().unwrap();
        bus.ready().await.unwrap();
        let mut read = Box::pin(cache.get_or_spawn_load("2", pending));
        assert_eq!(poll_once(read.as_mut()), None);
        drop(read);
        (bus, cache)
    });
    let is_listed = || audit().rows().iter().any(|row| row.name == "left-behind");
    assert!(is_listed());
    drop(cache);
    assert!(!is_listed());
    assert_eq!(Arc::strong_count(&called), 1, "the closure is dropped");
    runtime.block_on(idle(&bus));
}

#[tokio::test]
async fn the_cache_keeps_its_bus_going_and_nothing_stays_after_it() {
    let bus = Bus::in_process();
    let other = Users::new(&bus.another_instance());
    let (users, cache) = live(&bus).await;
    drop((bus, users));
    Loader::default().read(&cache, "1").await;
    other.invalidate_user("1").await.unwrap();
    let cached = async || cache.get("1");
    eventually("the event to arrive", cached, Option::is_none).await;
    drop((cache, other));
    let tasks = async || Handle::current().metrics().num_alive_tasks();
    eventually("every task to end", tasks, |tasks| *tasks == 0).await;
}

/// Freeing evicted entries does not remove what is stored meanwhile.
#[tokio::test]
async fn what_is_stored_right_after_an_eviction_stays() {
    let bus = Bus::in_process();
    let (_users, cache) = live(&bus).await;
    Loader::default().read(&cache, "1").await;
    evict(&cache, &Evict::All);
    // Before any task of the cache runs.
    cache.begin_load("1").store(7).unwrap();
    let before = Handle::current().metrics().num_alive_tasks();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(Handle::current().metrics().num_alive_tasks() <= before);
    assert_eq!(cache.get("1"), Some(7));
}

#[tokio::test]
async fn evicting_everything_over_and_over_leaves_no_tasks() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = builder(&users).max_entries(100_000).build().unwrap();
    bus.ready().await.unwrap();
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for round in 0..1_000 {
        Loader::default().read(&cache, &round.to_string()).await;
        users.invalidate_all().await.unwrap();
        assert!(alive() <= before + 1, "one task at most tidies up");
    }
    eventually(
        "every task to end",
        async || alive(),
        |tasks| *tasks <= before,
    )
    .await;
}

#[test]
fn a_bus_outlives_the_runtime_that_it_was_used_in() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (cache, users) = runtime.block_on(async {
        let bus = Bus::in_process();
        let users = Users::new(&bus);
        let cache = CoherentCache::<String, u64>::builder("users", HOUR)
            .evict_on(&users, |_| Evict::All)
            .build()
            .unwrap();
        bus.ready().await.unwrap();
        Loader::default().read(&cache, "1").await;
        assert_eq!(cache.get("1"), Some(1));
        (cache, users)
    });
    drop(runtime);
    assert!(users.health().is_live());
    assert_eq!(cache.get("1"), Some(1));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { users.invalidate_user("1").await.unwrap() });
    assert_eq!(cache.get("1"), None);
}
