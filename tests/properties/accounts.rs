//! Every entry that was stored is there, or has left for exactly one cause, which the call allows.

use std::time::Duration;

use cache_runtime::__private::publish_raw;
use cache_runtime::cache::CacheStats;
use cache_runtime::{
    Bus, CoherentCache, Evict, InvalidationEvent, ManualClock, TtlCache, cache_invalidation,
};
use proptest::prelude::*;
use support::within;
use tokio::runtime::Builder;

use crate::at_once;

const TTL: Duration = Duration::from_millis(1_500);
/// What all entries may weigh; one may weigh 97 % of it.
const WEIGHT: u64 = 60;

#[derive(Debug, InvalidationEvent)]
enum EntryEvent {
    Keys {
        keys: Vec<u8>,
    },
    Even,
    /// Evicts nothing.
    Mark {
        number: u32,
    },
    All,
}

#[cache_invalidation(channel = "cache:accounts", event = EntryEvent)]
struct Entries;

#[derive(Debug, Clone)]
enum Call {
    /// A key and a weight.
    Store(u8, u32),
    Load(u8, u32),
    Read(u8),
    /// By a call or by an event, as are the next two.
    Remove(Vec<u8>),
    RemoveEven,
    RemoveAll,
    /// Where events evict: a message that is rejected.
    Flush,
    Advance(u64),
}

fn call() -> impl Strategy<Value = Call> {
    let entry = || (0..12u8, 1..70u32);
    prop_oneof![
        6 => entry().prop_map(|(key, weight)| Call::Store(key, weight)),
        6 => entry().prop_map(|(key, weight)| Call::Load(key, weight)),
        2 => (0..12u8).prop_map(Call::Read),
        2 => prop::collection::vec(0..12u8, 0..4).prop_map(Call::Remove),
        1 => Just(Call::RemoveEven),
        1 => Just(Call::RemoveAll),
        1 => Just(Call::Flush),
        3 => (1..2_000u64).prop_map(Call::Advance),
    ]
}

/// How many entries have left for each cause.
fn causes(stats: &CacheStats) -> [(&'static str, u64); 6] {
    let of = &stats.evictions;
    [
        ("capacity", of.capacity),
        ("expired", of.expired),
        ("event", of.event),
        ("flush", of.flush),
        ("removed", of.removed),
        ("replaced", of.replaced),
    ]
}

/// The cache before a call.
struct Before {
    stats: CacheStats,
    /// Whether it had an entry of the key that the call stores.
    live: bool,
}

impl Before {
    fn new(call: &Call, stats: CacheStats, contains: impl Fn(&u8) -> bool) -> Self {
        let live = matches!(call, Call::Store(key, _) | Call::Load(key, _) if contains(key));
        Self { stats, live }
    }
}

/// Checks what a call has changed: `by` is the cause for which entries leave by removals.
fn check(call: &Call, by: &str, before: &Before, after: &CacheStats, entries: usize) {
    let Before { stats, live } = before;
    let before = stats;
    let stored = after.stored - before.stored;
    let heavy = after.too_heavy - before.too_heavy;
    assert_eq!(
        after.stored,
        entries as u64 + after.evictions.total(),
        "{call:?}: {after:?}"
    );
    let allowed: &[&str] = match call {
        Call::Store(_, weight) | Call::Load(_, weight) => {
            assert!(stored + heavy <= 1 && stored <= u64::from(*weight <= 58));
            &["capacity", "expired", "replaced", "removed"]
        }
        Call::Remove(_) | Call::RemoveEven | Call::RemoveAll => &[by, "expired"],
        Call::Flush => &["flush"],
        Call::Read(_) | Call::Advance(_) => &[],
    };
    let replaced = after.evictions.replaced - before.evictions.replaced;
    assert_eq!(replaced, u64::from(*live && stored == 1), "{call:?}");
    for ((cause, before), (_, after)) in causes(before).into_iter().zip(causes(after)) {
        assert!(
            after == before || (after > before && allowed.contains(&cause)),
            "{call:?}: {before} to {after} by {cause}"
        );
    }
    let reads = |stats: &CacheStats| stats.hits + stats.misses + stats.shared_loads;
    let reading = matches!(call, Call::Load(..) | Call::Read(_));
    assert_eq!(reads(after) - reads(before), u64::from(reading));
}

fn of_a_ttl_cache(calls: &[Call]) {
    let clock = ManualClock::new();
    let cache = TtlCache::<u8, u32>::builder("accounts", TTL)
        .max_weight(WEIGHT, |_, weight| *weight)
        .clock(&clock)
        .build()
        .unwrap();
    for call in calls {
        let before = Before::new(call, cache.stats(), |key| cache.contains(key));
        match call {
            Call::Store(key, weight) => cache.insert(*key, *weight),
            Call::Load(key, weight) => drop(at_once(cache.get_or_load(key, async || *weight))),
            Call::Read(key) => drop(cache.get(key)),
            Call::Remove(keys) => keys.iter().for_each(|key| _ = cache.remove(key)),
            Call::RemoveEven => drop(cache.retain(|key, _| key % 2 == 1)),
            Call::RemoveAll => cache.clear(),
            Call::Flush => {}
            Call::Advance(millis) => clock.advance(Duration::from_millis(*millis)),
        }
        check(call, "removed", &before, &cache.stats(), cache.len());
    }
}

async fn of_a_coherent_cache(calls: Vec<Call>) {
    let bus = Bus::in_process();
    let service = Entries::new(&bus);
    let clock = ManualClock::new();
    let cache = CoherentCache::<u8, u32>::builder("accounts", TTL)
        .max_weight(WEIGHT, |_, weight| *weight)
        .clock(&clock)
        .evict_on(&service, |event| match event {
            EntryEvent::Keys { keys } => Evict::keys(keys.iter().copied()),
            EntryEvent::Even => Evict::matching(|key| key % 2 == 0),
            EntryEvent::Mark { .. } => Evict::Nothing,
            EntryEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    let mut events = service.events();
    bus.ready().await.unwrap();
    let publish = async |event| {
        service.publish(&event).await.unwrap();
    };
    let mut sent = 0;
    // A stream has an event when all caches have applied it, and those before it.
    let mut applied = async || {
        sent += 1;
        publish(EntryEvent::Mark { number: sent }).await;
        let is_mark = |event| matches!(event, EntryEvent::Mark { number } if number == sent);
        while !within("the mark", events.recv()).await.is_some_and(is_mark) {}
    };
    applied().await;
    for call in calls {
        let before = Before::new(&call, cache.stats(), |key| cache.contains(key));
        match &call {
            Call::Store(key, weight) => drop(cache.begin_load(key).store(*weight)),
            Call::Load(key, weight) => {
                cache.get_or_load(key, async || *weight).await;
            }
            Call::Read(key) => drop(cache.get(key)),
            Call::Remove(keys) => publish(EntryEvent::Keys { keys: keys.clone() }).await,
            Call::RemoveEven => publish(EntryEvent::Even).await,
            Call::RemoveAll => publish(EntryEvent::All).await,
            Call::Flush => drop(publish_raw(&bus, "cache:accounts", b"?").await.unwrap()),
            Call::Advance(millis) => clock.advance(Duration::from_millis(*millis)),
        }
        applied().await;
        check(&call, "event", &before, &cache.stats(), cache.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn of_what_expires_add_up(calls in prop::collection::vec(call(), 0..80)) {
        of_a_ttl_cache(&calls);
    }

    #[test]
    fn of_what_events_evict_add_up(calls in prop::collection::vec(call(), 0..80)) {
        let runtime = Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(of_a_coherent_cache(calls));
    }
}
