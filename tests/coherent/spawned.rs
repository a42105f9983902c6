//! Loads in tasks of their own, which go on without their callers.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::__private::evict;
use cache_runtime::testing::settled;
use cache_runtime::{Bus, Evict, ManualClock};
use support::{eventually, within};
use tokio::sync::Semaphore;

use crate::{Cache, CacheBuilder, HOUR, Loader, Users, builder, poll_once};

const SHORT: Duration = Duration::from_millis(30);

async fn built(set: impl FnOnce(CacheBuilder) -> CacheBuilder) -> (Bus, Users, Cache, ManualClock) {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let cache = set(builder(&users).clock(&clock)).build().unwrap();
    bus.ready().await.unwrap();
    (bus, users, cache, clock)
}

fn soft(builder: CacheBuilder) -> CacheBuilder {
    builder
        .stale_on_error(HOUR)
        .stale_after(SHORT)
        .load_wait(HOUR)
}

/// As `soft`, and with an entry that has expired.
async fn with_expired() -> (Bus, Users, Cache, ManualClock) {
    let (bus, users, cache, clock) = built(soft).await;
    Loader::default().read(&cache, "1").await;
    clock.advance(HOUR);
    (bus, users, cache, clock)
}

/// A load that ends when it is let go on.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    async fn ends_with<T>(self, output: T) -> T {
        drop(self.0.acquire().await);
        output
    }

    fn open(&self) {
        self.0.close();
    }
}

async fn ended(cache: &Cache) {
    let loading = async || cache.stats().loading;
    eventually("the load to end", loading, |loading| *loading == 0).await;
}

#[tokio::test]
async fn the_caller_is_given_the_expired_entry_and_the_value_is_stored_later() {
    let (_bus, _users, cache, _clock) = with_expired().await;
    let gate = Gate::new();
    let load = gate.clone();
    let read = cache.get_or_spawn_load("1", move || load.ends_with(7));
    assert_eq!(within("the old value", read).await, 1);
    assert_eq!((cache.get("1"), cache.stats().loading), (None, 1));
    // Others share the load.
    let never = async || panic!("it is being loaded");
    assert_eq!(
        within("the old value", cache.get_or_load("1", never)).await,
        1
    );
    let never = async || panic!("it is being loaded");
    let read = cache.get_or_spawn_load("1", never);
    assert_eq!(within("the old value", read).await, 1);
    gate.open();
    ended(&cache).await;
    assert_eq!((cache.get("1"), cache.stats().loads), (Some(7), 2));
}

#[tokio::test]
async fn without_an_old_entry_the_caller_waits() {
    let (_bus, _users, cache, clock) = built(soft).await;
    Loader::default().read(&cache, "2").await;
    clock.advance(HOUR);
    let gate = Gate::new();
    let (load, other) = (gate.clone(), gate.clone());
    let mut read = pin!(cache.get_or_spawn_load("1", move || load.ends_with(7)));
    assert_eq!(poll_once(read.as_mut()), None);
    // Who came later is given an old entry by now.
    let later = cache.get_or_spawn_load("2", move || other.ends_with(8));
    assert_eq!(within("the old value", later).await, 1);
    assert_eq!(poll_once(read.as_mut()), None);
    let mut shares = pin!(cache.get_or_load("1", async || panic!("it is being loaded")));
    assert_eq!(poll_once(shares.as_mut()), None);
    gate.open();
    assert_eq!(within("the value", read).await, 7);
    assert_eq!(within("the value", shares).await, 7);
    assert_eq!((cache.get("1"), cache.stats().loads), (Some(7), 3));
}

#[tokio::test]
async fn a_hit_loads_nothing() {
    let (_bus, _users, cache, _clock) = built(|builder| builder).await;
    Loader::default().read(&cache, "1").await;
    let mut read = pin!(cache.get_or_spawn_load("1", async || panic!("it is there")));
    assert_eq!(poll_once(read.as_mut()), Some(1));
}

#[tokio::test]
async fn the_load_of_a_caller_that_is_dropped_goes_on() {
    let (_bus, _users, cache, _clock) = built(|builder| builder).await;
    let gate = Gate::new();
    let load = gate.clone();
    let mut read = Box::pin(cache.get_or_spawn_load("1", move || load.ends_with(7)));
    assert_eq!(poll_once(read.as_mut()), None);
    let mut waits = Box::pin(cache.get_or_spawn_load("1", async || panic!("it is being loaded")));
    assert_eq!(poll_once(waits.as_mut()), None);
    drop((read, waits));
    assert_eq!(cache.stats().loading, 1);
    gate.open();
    ended(&cache).await;
    assert_eq!((cache.get("1"), cache.stats().failed_loads), (Some(7), 0));
}

#[tokio::test]
async fn an_error_reaches_the_caller_or_the_expired_entry_stands_in() {
    let (_bus, _users, cache, _clock) = built(soft).await;
    let failing = async || Err::<u64, _>("the database is away");
    let read = cache.try_get_or_spawn_load("1", failing).await;
    assert_eq!(read, Err(Arc::new("the database is away")));

    let (_bus, _users, cache, _clock) = with_expired().await;
    assert_eq!(cache.try_get_or_spawn_load("1", failing).await, Ok(1));

    // The caller has left with the old entry when it fails.
    let gate = Gate::new();
    let load = gate.clone();
    let late = move || load.ends_with(Err("the database is away"));
    assert_eq!(cache.try_get_or_spawn_load("1", late).await, Ok(1));
    assert_eq!(cache.stats().failed_loads, 1);
    gate.open();
    ended(&cache).await;
    assert_eq!((cache.get("1"), cache.stats().failed_loads), (None, 2));
    assert_eq!(Loader::default().read(&cache, "1").await, 1, "a new load");
}

#[tokio::test]
async fn an_event_keeps_its_value_out() {
    let (bus, users, cache, _clock) = with_expired().await;
    let gate = Gate::new();
    let load = gate.clone();
    let read = cache.get_or_spawn_load("1", move || load.ends_with(7));
    assert_eq!(within("the old value", read).await, 1);
    users.invalidate_user("1").await.unwrap();
    settled(&bus).await.unwrap();
    gate.open();
    let overtaken = async || cache.stats().overtaken_loads;
    eventually("its end", overtaken, |overtaken| *overtaken == 1).await;
    assert_eq!(cache.get("1"), None);
    assert!(cache.is_empty(), "the expired entry was evicted");
}

#[tokio::test]
async fn a_panic_reaches_the_caller_or_nobody() {
    let (_bus, _users, cache, _clock) = built(|builder| builder).await;
    let gate = Gate::new();
    let load = gate.clone();
    let panics = async || -> u64 { panic!("as the test wants it") };
    let caller = cache.clone();
    let caller = tokio::spawn(async move { caller.get_or_spawn_load("1", panics).await });
    let panic = within("the panic", caller).await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"as the test wants it"));

    // Nobody is there when it panics, and the next caller loads.
    let later = async move || -> u64 {
        load.ends_with(()).await;
        panic!("as the test wants it")
    };
    let mut read = Box::pin(cache.get_or_spawn_load("1", later));
    assert_eq!(poll_once(read.as_mut()), None);
    drop(read);
    let mut next = pin!(cache.get_or_spawn_load("1", async || 7));
    assert_eq!(poll_once(next.as_mut()), None);
    gate.open();
    assert_eq!(within("the next load", next).await, 7);
    assert_eq!((cache.get("1"), cache.stats().failed_loads), (Some(7), 2));
}

#[tokio::test]
async fn a_load_that_reads_its_own_key_is_noticed() {
    let (_bus, _users, cache, _clock) = built(|builder| builder.load_wait(HOUR)).await;
    for spawns in [false, true] {
        let inner = cache.clone();
        let load = async move || {
            if spawns {
                inner.get_or_spawn_load("1", async || 5).await + 1
            } else {
                inner.get_or_load("1", async || 5).await + 1
            }
        };
        let read = within("no wait for itself", cache.get_or_spawn_load("1", load));
        assert_eq!(read.await, 6);
        evict(&cache, &Evict::All);
    }
    assert_eq!(cache.stats().hung_loads, 2);
}

/// The inner load runs in a task that does not poll the outer one.
#[tokio::test]
async fn a_load_that_reads_its_own_key_through_another_task_is_noticed() {
    let (_bus, _users, outer, _clock) = built(|builder| builder.load_wait(HOUR)).await;
    let (_bus, _users, inner, _clock) = built(|builder| builder.load_wait(HOUR)).await;
    let back = outer.clone();
    let load_inner = async move || back.get_or_load("1", async || 5).await + 1;
    let through = inner.clone();
    let load = async move || through.get_or_spawn_load("1", load_inner).await + 1;
    let read = outer.get_or_spawn_load("1", load);
    assert_eq!(within("no wait for itself", read).await, 7);
    assert_eq!((outer.stats().hung_loads, inner.stats().hung_loads), (1, 0));
}

#[tokio::test]
async fn loads_in_tasks_are_limited_as_others_are() {
    let set = |builder: CacheBuilder| soft(builder).max_concurrent_loads(1);
    let (_bus, users, cache, clock) = built(set).await;
    Loader::default().read(&cache, "2").await;
    clock.advance(HOUR);
    let gate = Gate::new();
    let load = gate.clone();
    let mut first = pin!(cache.get_or_spawn_load("1", move || load.ends_with(1)));
    assert_eq!(poll_once(first.as_mut()), None);
    // It does not get to load in time, and its task waits on.
    let read = cache.get_or_spawn_load("2", async || 2);
    assert_eq!(within("the old value", read).await, 1);
    assert_eq!((cache.stats().loads, cache.stats().loading), (2, 2));
    // Its turn is overtaken while it waits: it begins anew.
    users.invalidate_user("2").await.unwrap();
    gate.open();
    assert_eq!(within("the first", first).await, 1);
    ended(&cache).await;
    assert_eq!(cache.get("2"), Some(2));
}

#[tokio::test]
async fn the_load_that_a_loader_waits_for_needs_no_permit_of_its_own() {
    let set = |builder: CacheBuilder| builder.load_wait(HOUR).max_concurrent_loads(1);
    let (_bus, _users, cache, _clock) = built(set).await;
    let inner = cache.clone();
    let load = async move || inner.get_or_spawn_load("2", async || 2).await + 1;
    let read = cache.get_or_load("1", load);
    assert_eq!(within("no wait for the own permit", read).await, 3);
    assert_eq!(cache.stats().hung_loads, 0);
}

#[tokio::test]
async fn the_load_that_a_loader_has_left_is_limited_as_others_are() {
    let set = |builder: CacheBuilder| builder.load_wait(HOUR).max_concurrent_loads(1);
    let (_bus, _users, cache, _clock) = built(set).await;
    let leaves = async || {
        let mut inner = Box::pin(cache.get_or_spawn_load("2", async || 2));
        assert_eq!(poll_once(inner.as_mut()), None);
        1
    };
    assert_eq!(cache.get_or_load("1", leaves).await, 1);
    let mut other = pin!(cache.get_or_load("3", std::future::pending));
    assert_eq!(poll_once(other.as_mut()), None);
    // Tasks of this runtime run in the order in which they were spawned.
    tokio::spawn(async {}).await.unwrap();
    assert_eq!((cache.stats().loads, cache.stats().loading), (2, 2));
    assert_eq!(poll_once(other.as_mut()), None);
}

#[test]
fn a_task_that_never_runs_hands_the_turn_over() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (cache, users) = runtime.block_on(async {
        let (_bus, users, cache, _clock) = built(|builder| builder).await;
        let mut read = Box::pin(cache.get_or_spawn_load("1", async || panic!("no time")));
        assert_eq!(poll_once(read.as_mut()), None);
        drop(read);
        (cache, users)
    });
    assert_eq!(cache.stats().loading, 1);
    drop(runtime);
    assert_eq!(cache.stats().loading, 0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let read = cache.get_or_spawn_load("1", async || 7);
        assert_eq!(within("a load", read).await, 7);
    });
    drop(users);
}
