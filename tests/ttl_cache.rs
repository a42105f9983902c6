//! What a `TtlCache` does that its model does not cover.

use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cache_runtime::{ManualClock, TtlCache};
use support::eventually;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// Polls a future once.
fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A load that ends when it is let go on.
async fn held(go_on: &Semaphore, value: u32) -> u32 {
    // It is closed, never acquired.
    drop(go_on.acquire().await);
    value
}

#[tokio::test]
async fn those_who_wait_share_a_value_that_is_not_stored() {
    let clock = ManualClock::new();
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(300))
        .ttl_by(|_| Duration::ZERO)
        .clock(&clock)
        .build()
        .unwrap();
    let loads = AtomicU32::new(0);
    let load = || {
        cache.get_or_load("key", || async {
            let load = loads.fetch_add(1, Ordering::Relaxed);
            clock.advance(Duration::from_secs(1));
            yield_now().await;
            load
        })
    };

    assert_eq!(tokio::join!(load(), load(), load()), (0, 0, 0));
    assert!(!cache.contains("key"));
    // A later caller loads again.
    assert_eq!(load().await, 1);
}

#[test]
fn a_setting_that_panics_leaves_no_old_value() {
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(300))
        .max_weight(1_000, |_, value| {
            assert_ne!(*value, 2, "as the test wants it");
            1
        })
        .build()
        .unwrap();
    cache.insert("key".to_owned(), 1);
    let insert = std::panic::AssertUnwindSafe(|| cache.insert("key".to_owned(), 2));
    assert!(std::panic::catch_unwind(insert).is_err());
    assert_eq!(cache.get("key"), None);
    cache.insert("key".to_owned(), 3);
    assert_eq!(cache.get("key"), Some(3));
}

#[tokio::test]
async fn removing_a_prefix_leaves_loads_of_other_keys_alone() {
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(300))
        .build()
        .unwrap();
    for key in ["a:1", "b:1"] {
        let load = async || {
            cache.remove_prefix("a:");
            1
        };
        cache.get_or_load(key, load).await;
    }
    assert_eq!(cache.keys(), ["b:1"]);
}

#[test]
fn without_tags_removing_one_removes_everything() {
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(300))
        .build()
        .unwrap();
    for key in ["a", "b"] {
        cache.insert(key.to_owned(), 1);
    }
    assert_eq!(cache.remove_tag("c"), 2);
    assert!(cache.is_empty());
    assert_eq!(cache.stats().evictions.removed, 2);
}

#[test]
fn a_value_whose_tags_panic_leaves_no_old_value() {
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(300))
        .tags(|_, value| {
            assert_ne!(*value, 2, "as the test wants it");
            [*value]
        })
        .build()
        .unwrap();
    cache.insert("key".to_owned(), 1);
    cache.insert("key".to_owned(), 2);
    assert_eq!((cache.get("key"), cache.stats().untagged), (None, 1));
    cache.insert("key".to_owned(), 3);
    assert_eq!((cache.remove_tag(1), cache.remove_tag(3)), (0, 1));
}

#[test]
fn what_expires_now_is_not_returned_when_it_is_removed() {
    let clock = ManualClock::new();
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(10))
        .clock(&clock)
        .build()
        .unwrap();
    cache.insert("key".to_owned(), 1);
    assert_eq!(cache.remove("key"), Some(1));
    cache.insert("key".to_owned(), 2);
    clock.advance(Duration::from_secs(10));
    assert_eq!(cache.remove("key"), None);
}

#[test]
fn jitter_lets_entries_that_were_stored_together_expire_apart() {
    const ENTRIES: usize = 400;
    let clock = ManualClock::new();
    let cache = TtlCache::<usize, u32>::builder("cache", Duration::from_secs(100))
        .max_entries(1_000)
        .ttl_jitter(0.5)
        .clock(&clock)
        .build()
        .unwrap();
    (0..ENTRIES).for_each(|key| cache.insert(key, 1));
    clock.advance(Duration::from_secs(75));
    let left = (0..ENTRIES).filter(|key| cache.contains(key)).count();
    assert!(left > 0 && left < ENTRIES, "{left} of {ENTRIES} are left");
}

/// An entry may weigh 97 % of the bound.
#[tokio::test]
async fn only_what_is_too_heavy_is_counted_as_that_and_what_just_fits_is_stored() {
    let cache = TtlCache::<char, u32>::builder("cache", Duration::from_secs(10))
        .max_weight(100, |_, weight| *weight)
        .ttl_by(|weight| Duration::from_secs(u64::from(*weight > 1)))
        .build()
        .unwrap();
    cache.insert('i', 97);
    assert_eq!(cache.get(&'i'), Some(97));
    assert_eq!(cache.get_or_load(&'l', async || 97).await, 97);
    assert_eq!(cache.get(&'l'), Some(97));
    // These expire at once.
    cache.insert('i', 1);
    cache.get_or_load(&'e', async || 1).await;
    assert_eq!(cache.stats().too_heavy, 0);
    cache.insert('i', 98);
    cache.get_or_load(&'h', async || 98).await;
    assert_eq!(cache.get(&'i').or(cache.get(&'h')), None);
    let stats = cache.stats();
    assert_eq!((stats.too_heavy, stats.stored), (2, 2), "{stats:?}");
}

#[tokio::test]
async fn whoever_comes_when_the_value_of_a_load_has_expired_loads_anew() {
    let clock = ManualClock::new();
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(10))
        .clock(&clock)
        .build()
        .unwrap();
    let go_on = Semaphore::new(0);
    let mut first = pin!(cache.get_or_load("key", || held(&go_on, 1)));
    assert_eq!(poll_once(first.as_mut()), None);
    let mut before = pin!(cache.get_or_load("key", async || 2));
    assert_eq!(poll_once(before.as_mut()), None);
    // The TTL counts from when the load has begun.
    clock.advance(Duration::from_secs(10));
    let mut after = pin!(cache.get_or_load("key", async || 3));
    assert_eq!(poll_once(after.as_mut()), None);
    go_on.close();
    assert_eq!(first.await, 1);
    assert_eq!(before.await, 1);
    assert_eq!(after.await, 3);
}

#[tokio::test]
async fn the_turn_goes_on_although_all_who_receive_it_are_dropped() {
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(10))
        .build()
        .unwrap();
    let call = || Box::pin(cache.get_or_load("key", pending));
    let mut callers = [call(), call(), call()];
    for caller in &mut callers {
        assert_eq!(poll_once(caller.as_mut()), None);
    }
    let mut last = pin!(cache.get_or_load("key", async || 7));
    assert_eq!(poll_once(last.as_mut()), None);
    for mut caller in callers {
        assert_eq!(poll_once(caller.as_mut()), None);
        assert_eq!(poll_once(last.as_mut()), None);
    }
    assert_eq!(poll_once(last.as_mut()), Some(7));
}

#[tokio::test]
async fn a_load_that_is_overtaken_while_it_waits_for_its_permit_is_begun_anew() {
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(10))
        .max_concurrent_loads(1)
        .build()
        .unwrap();
    let mut first = Box::pin(cache.get_or_load("a", pending));
    assert_eq!(poll_once(first.as_mut()), None);
    let mut second = pin!(cache.get_or_load("b", async || 2));
    assert_eq!(poll_once(second.as_mut()), None);
    cache.remove("b");
    drop(first);
    assert_eq!(second.await, 2);
    assert_eq!(cache.get("b"), Some(2), "otherwise it could not be stored");
}

/// It does not take that load for its own.
#[tokio::test]
async fn a_loader_waits_for_the_load_of_the_same_key_in_another_cache() {
    let cache = |name| {
        TtlCache::<String, u32>::builder(name, Duration::from_secs(10))
            .build()
            .unwrap()
    };
    let (outer, inner) = (cache("outer"), cache("inner"));
    let go_on = Semaphore::new(0);
    let mut first = pin!(inner.get_or_load("key", || held(&go_on, 1)));
    assert_eq!(poll_once(first.as_mut()), None);
    let through = || inner.get_or_load("key", async || 2);
    let mut second = pin!(outer.get_or_load("key", through));
    assert_eq!(poll_once(second.as_mut()), None);
    go_on.close();
    assert_eq!(first.await, 1);
    assert_eq!(second.await, 1);
    assert_eq!(inner.stats().hung_loads, 0);
}

#[tokio::test]
async fn an_entry_is_loaded_on_schedule_and_again_when_it_was_removed() {
    let (clock, loads) = (ManualClock::new(), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&loads);
    let load = move |_| {
        let load = counted.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok::<_, String>(load) }
    };
    let second = Duration::from_secs(1);
    let cache = TtlCache::<String, u32>::builder("cache", 10 * second)
        .refresh_every(2 * second, ["key"], load)
        .clock(&clock)
        .build()
        .unwrap();
    let becomes = async |expected| {
        let held = async || cache.get("key");
        eventually("the value", held, |held| *held == Some(expected)).await;
    };
    becomes(1).await;
    clock.advance(2 * second);
    becomes(2).await;
    clock.advance(second);
    assert_eq!(cache.remove("key"), Some(2));
    becomes(3).await;
    clock.advance(second);
    cache.clear();
    becomes(4).await;
    clock.advance(second);
    assert_eq!(cache.remove_prefix("k"), 1);
    becomes(5).await;
    clock.advance(second);
    assert_eq!(cache.remove_tag("any"), 1);
    becomes(6).await;
}

#[tokio::test]
async fn a_spawned_load_goes_on_although_its_caller_was_given_the_expired_entry() {
    let clock = ManualClock::new();
    let second = Duration::from_secs(1);
    let cache = TtlCache::<String, u32>::builder("cache", second)
        .stale_on_error(second)
        .stale_after(Duration::from_millis(10))
        .clock(&clock)
        .build()
        .unwrap();
    cache.insert("key".to_owned(), 1);
    clock.advance(second);
    let go_on = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&go_on);
    let load = async move || held(&gate, 2).await;
    assert_eq!(cache.get_or_spawn_load("key", load).await, 1);
    assert_eq!((cache.get("key"), cache.stats().loading), (None, 1));
    go_on.close();
    let stored = async || cache.get("key");
    eventually("the value", stored, |stored| *stored == Some(2)).await;
}
