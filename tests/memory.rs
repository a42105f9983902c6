//! Memory that caches must free, and uses that must not make it grow.
//!
//! A test binary of its own, because counting replaces the allocator. The allocations of all
//! threads are counted, so one test runs at a time.

use std::alloc::System;
use std::future::pending;
use std::io::{Write, stdout};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cache_runtime::bus::{Cause, Health};
use cache_runtime::{
    Bus, CoherentCache, Evict, InvalidationEvent, ManualClock, TtlCache, cache_invalidation,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Server, eventually, within};
use tokio::runtime::{self, Runtime};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: i64 = 1024 * 1024;
/// The length of a message in bytes.
const HUGE: usize = 100 * 1024 * 1024;
const HOUR: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, InvalidationEvent)]
enum RowEvent {
    Row { row: u64 },
    All,
}

#[cache_invalidation(channel = "cache:memory", event = RowEvent)]
struct Rows;

fn runtime() -> Runtime {
    let runtime = runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime")
}

async fn coherent(entries: usize) -> (Rows, CoherentCache<u64, String>) {
    // The lease must not end on a busy machine.
    let bus = Bus::local().lease(HOUR).connect_lazy().unwrap();
    let rows = Rows::new(&bus);
    let cache = CoherentCache::builder("rows", HOUR)
        .max_entries(entries)
        .evict_on(&rows, |event| match event {
            RowEvent::Row { row } => Evict::key(*row),
            RowEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    (rows, cache)
}

/// A value that owns memory on the heap.
fn value() -> String {
    "x".repeat(40)
}

/// The bytes by which the allocated memory grows during `work`.
fn growth(work: impl FnOnce()) -> i64 {
    let region = Region::new(ALLOCATOR);
    work();
    held(&region)
}

/// The least of several times. What leaks grows each time. Some allocations happen only once, and how full
/// queues get depends on the machine.
fn least_growth(work: impl Fn()) -> i64 {
    let times = (0..5).map(|_| growth(&work));
    times.min().expect("there are some")
}

/// The bytes by which the allocated memory has grown.
fn held(region: &Region<'_, System>) -> i64 {
    let change = region.change();
    let bytes = |count: usize| i64::try_from(count).expect("less than memory");
    // What a reallocation adds or takes is counted as allocated or deallocated as well.
    bytes(change.bytes_allocated) - bytes(change.bytes_deallocated)
}

/// Keeps other tests of this process waiting.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the bus has received what was published.
async fn received(rows: &Rows) {
    let waiting = async || {
        let stats = rows.stats();
        stats.published - stats.received
    };
    eventually("every event to be received", waiting, |waiting| {
        *waiting == 0
    })
    .await;
}

/// Prints a result. Not through the test harness, which hides the output of passing tests.
fn tell(what: &str, filled: i64, left: i64) {
    let line = format!("memory: {what}: {filled} bytes filled, {left} left\n");
    let _ = stdout().write_all(line.as_bytes());
}

/// Polls a future once.
fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn a_million_entries_are_given_back_once_everything_was_evicted() {
    const ENTRIES: u64 = 1_000_000;
    let _alone = alone();
    let runtime = runtime();
    let (rows, cache) = runtime.block_on(coherent(1_200_000));
    let filled = growth(|| {
        runtime.block_on(async {
            for row in 0..ENTRIES {
                cache.begin_load(&row).store(value()).unwrap();
            }
        });
    });
    // Some shards may be full a little earlier than others.
    assert!(cache.len() as u64 > ENTRIES * 9 / 10, "{}", cache.len());
    assert!(filled > 80 * MIB, "{filled}");
    let region = Region::new(ALLOCATOR);
    let left = runtime.block_on(async {
        rows.invalidate_all().await.unwrap();
        assert!(cache.is_empty(), "at once");
        // A thread frees the memory, without further use of the cache.
        let left = async || filled + held(&region);
        eventually("the memory to be freed", left, |left| *left < filled / 50).await
    });
    tell("1,000,000 entries, evicted", filled, left);
}

#[test]
fn clearing_gives_everything_back() {
    const ENTRIES: u64 = 100_000;
    let _alone = alone();
    let cache = TtlCache::builder("cache", Duration::from_secs(300))
        .max_entries(120_000)
        .build()
        .unwrap();
    let filled = growth(|| (0..ENTRIES).for_each(|row| cache.insert(row, value())));
    let freed = growth(|| cache.clear());
    tell("100,000 entries, cleared", filled, filled + freed);
    assert!(filled > 8 * MIB, "{filled}");
    assert!(
        filled + freed < filled / 50,
        "{} of {filled} bytes stay",
        filled + freed
    );
}

#[test]
fn what_has_expired_is_given_back_by_further_use() {
    const ENTRIES: u64 = 20_000;
    let _alone = alone();
    let clock = ManualClock::new();
    let cache = TtlCache::builder("cache", HOUR)
        .max_entries(24_000)
        .clock(&clock)
        .build()
        .unwrap();
    let long = || "x".repeat(1_000);
    let filled = growth(|| (0..ENTRIES).for_each(|row| cache.insert(row, long())));
    clock.advance(HOUR);
    assert!(cache.len() as u64 > ENTRIES * 9 / 10);
    // A few entries in every shard.
    let swept = growth(|| (0..500).for_each(|row| cache.insert(ENTRIES + row, long())));
    tell("20,000 entries, expired", filled, filled + swept);
    assert_eq!(cache.len(), 500);
    assert!(
        filled + swept < filled / 5,
        "{} of {filled} bytes stay",
        filled + swept
    );
}

/// Runs tokens, waiters and evictions beside a load that never ends.
async fn beside_a_stuck_load(rows: &Rows, cache: &CoherentCache<u64, String>, rounds: u64) {
    let mut stuck = Box::pin(cache.get_or_load(&0, pending::<String>));
    assert!(poll_once(stuck.as_mut()).is_none());
    for _ in 0..rounds {
        // One caller waits for the load, and is dropped; another one takes a token.
        assert!(poll_once(cache.get_or_load(&0, pending::<String>)).is_none());
        let token = cache.begin_load(&0);
        // The key is evicted; a later caller loads, and is stuck too.
        rows.invalidate_row(0).await.unwrap();
        let next = Box::pin(cache.get_or_load(&0, pending::<String>));
        drop(std::mem::replace(&mut stuck, next));
        assert!(poll_once(stuck.as_mut()).is_none());
        assert!(token.store(value()).is_err());
        tokio::task::yield_now().await;
    }
    // Those that are on their way hold memory.
    received(rows).await;
}

#[test]
fn a_stuck_loader_makes_nothing_grow() {
    let _alone = alone();
    let runtime = runtime();
    let (rows, cache) = runtime.block_on(coherent(1_000));
    let run = |rounds| runtime.block_on(beside_a_stuck_load(&rows, &cache, rounds));
    let grown = least_growth(|| run(10_000));
    assert!(grown < MIB / 16, "{grown} bytes");
    assert_eq!(cache.stats().loading, 0);
}

/// All callers that wait for a load share one allocation.
#[test]
fn waiters_that_have_left_hold_nothing() {
    let _alone = alone();
    let runtime = runtime();
    let (_rows, cache) = runtime.block_on(coherent(1_000));
    let mut stuck = pin!(cache.get_or_load(&0, pending::<String>));
    let grown = growth(|| {
        assert!(poll_once(stuck.as_mut()).is_none());
        for _ in 0..100 {
            let mut waiters: Vec<_> = (0..100)
                .map(|_| Box::pin(cache.get_or_load(&0, async || value())))
                .collect();
            for waiter in &mut waiters {
                assert!(poll_once(waiter.as_mut()).is_none());
            }
        }
    });
    assert!(grown < MIB / 16, "{grown} bytes");
}

/// The turn has been handed to it, and it does not know yet.
#[test]
fn a_waiter_that_leaves_an_overtaken_load_holds_nothing() {
    let _alone = alone();
    let runtime = runtime();
    let (rows, cache) = runtime.block_on(coherent(1_000));
    let run = async || {
        for _ in 0..2_000 {
            let call = || Box::pin(cache.get_or_load(&0, pending::<String>));
            let (mut first, mut second) = (call(), call());
            assert!(poll_once(first.as_mut()).is_none());
            assert!(poll_once(second.as_mut()).is_none());
            drop(first);
            rows.invalidate_row(0).await.unwrap();
            drop(second);
        }
        received(&rows).await;
    };
    let grown = least_growth(|| runtime.block_on(run()));
    assert!(grown < MIB / 16, "{grown} bytes");
}

#[test]
fn evicting_everything_over_and_over_makes_nothing_grow() {
    let _alone = alone();
    let runtime = runtime();
    let (rows, cache) = runtime.block_on(coherent(100_000));
    let run = |rounds| {
        runtime.block_on(async {
            for row in 0..rounds {
                cache.get_or_load(&row, async || value()).await;
                rows.invalidate_all().await.unwrap();
            }
            received(&rows).await;
        });
    };
    let grown = least_growth(|| run(10_000));
    assert!(grown < MIB / 16, "{grown} bytes");
}

/// The client reads a message whole before it can be rejected.
#[test]
fn the_memory_of_a_huge_message_is_given_back() {
    let _alone = alone();
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let server = Server::builder().option("client-output-buffer-limit", "pubsub 0 0 0");
        let server = server.start().await;
        let bus = Bus::redis(server.url()).connect().await.unwrap();
        let rows = Rows::new(&bus);
        let _subscription = rows.subscribe_inline(|_| ());
        bus.ready().await.unwrap();
        let mut health = rows.watch_health();
        let region = Region::new(ALLOCATOR);
        let admin = server.admin().await;
        admin.publish("cache:memory", &"x".repeat(HUGE)).await;
        // Its buffers have held the message, too.
        drop(admin);
        let ended = |health: &Health| *health == Health::Down(Cause::Oversized(HUGE));
        drop(
            within("the connection to end", health.wait_for(ended))
                .await
                .unwrap(),
        );
        bus.ready().await.unwrap();
        let held = async || held(&region);
        eventually("the memory to be given back", held, |held| *held < 2 * MIB).await;
        rows.invalidate_all().await.unwrap();
        received(&rows).await;
    });
}

fn tagged(entries: usize) -> TtlCache<u64, String> {
    let cache = TtlCache::<u64, String>::builder("tagged", HOUR)
        .max_entries(entries)
        .tags(|row, _| {
            [
                format!("row:{row}"),
                format!("part:{}", row % 100),
                "all".into(),
            ]
        });
    cache.build().unwrap()
}

/// What a cache keeps is what one without tags does.
#[test]
fn what_is_known_of_tags_is_given_back_with_the_entries() {
    const ENTRIES: u64 = 20_000;
    let _alone = alone();
    let insert = |cache: &TtlCache<u64, String>| {
        (0..ENTRIES).for_each(|row| cache.insert(row, value()));
    };
    let plain = TtlCache::builder("plain", HOUR).max_entries(24_000);
    let plain = plain.build().unwrap();
    let room = growth(|| {
        insert(&plain);
        plain.retain(|_, _| false);
    });
    for part in ["all", "each", "parts", "clear"] {
        let cache = tagged(24_000);
        let filled = growth(|| insert(&cache));
        let freed = growth(|| match part {
            "all" => assert!(cache.remove_tag("all") as u64 > ENTRIES * 9 / 10),
            "parts" => (0..100).for_each(|part| _ = cache.remove_tag(format!("part:{part}"))),
            "each" => (0..ENTRIES).for_each(|row| drop(cache.remove(&row))),
            _ => cache.clear(),
        });
        assert!(cache.is_empty());
        let left = filled + freed;
        tell(&format!("20,000 entries with tags, {part}"), filled, left);
        assert!(
            left < room + MIB / 16,
            "{left} of {filled} bytes, {room} without tags"
        );
    }
}

#[test]
fn ever_new_tags_of_the_same_keys_make_nothing_grow() {
    let _alone = alone();
    let cache = TtlCache::<u64, u64>::builder("tagged", HOUR)
        .max_entries(100)
        .tags(|_, number| [*number, number + 1]);
    let cache = cache.build().unwrap();
    let number = std::cell::Cell::new(0);
    let grown = least_growth(|| {
        for _ in 0..20_000 {
            number.set(number.get() + 1);
            cache.insert(number.get() % 150, number.get());
        }
    });
    assert!(grown < MIB / 16, "{grown} bytes");
}

/// Tags that were evicted meanwhile are kept for the load.
#[test]
fn a_load_that_never_ends_makes_no_evicted_tags_grow() {
    let _alone = alone();
    let cache = tagged(100);
    let mut stuck = pin!(cache.get_or_load(&0, pending::<String>));
    assert!(poll_once(stuck.as_mut()).is_none());
    let number = std::cell::Cell::new(0);
    let grown = least_growth(|| {
        for _ in 0..20_000 {
            number.set(number.get() + 1);
            cache.remove_tag(number.get());
            // Another one, because too many tags give it up.
            assert!(poll_once(cache.get_or_load(&0, pending::<String>)).is_none());
        }
    });
    assert!(grown < MIB / 16, "{grown} bytes");
}
