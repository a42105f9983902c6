//! After an eviction by a tag no entry carries it, and no other entry has gone: whatever was
//! replaced, has expired, or was evicted for want of room before.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::task::Waker;
use std::time::Duration;

use cache_runtime::{ManualClock, TtlCache};
use proptest::prelude::*;
use tokio::task::yield_now;

use crate::{at_once, poll_once};

const TTL: u64 = 1_500;

/// A key. `HASHES` is how many hashes there are: keys of the same hash are hard to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<const HASHES: u8>(u8);

impl<const HASHES: u8> Hash for Key<HASHES> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0 % HASHES).hash(state);
    }
}

/// A value, and the tags that its entry carries: its bits.
type Value = u8;

fn tags(value: Value) -> impl Iterator<Item = u8> {
    (0..4).filter(move |tag| value >> tag & 1 == 1)
}

#[derive(Debug, Clone, Copy)]
enum Call {
    Insert(u8, Value),
    Load(u8, Value),
    /// During a load, a tag is evicted.
    LoadDuringEviction(u8, Value, u8),
    /// During a load, a tag is evicted, and then another caller loads another value.
    LoadsDuringEviction(u8, Value, u8, Value),
    /// During a load, a tag is evicted, and then it ends while another caller loads another value.
    LoadDuringLoad(u8, Value, u8, Value),
    Remove(u8),
    RemoveTag(u8),
    RetainValue(Value),
    Clear,
    Advance(u64),
}

fn call() -> impl Strategy<Value = Call> {
    let (key, value, tag) = (|| 0..12_u8, || 0..16_u8, || 0..5_u8);
    prop_oneof![
        6 => (key(), value()).prop_map(|(key, value)| Call::Insert(key, value)),
        4 => (key(), value()).prop_map(|(key, value)| Call::Load(key, value)),
        2 => (key(), value(), tag())
            .prop_map(|(key, value, tag)| Call::LoadDuringEviction(key, value, tag)),
        2 => (key(), value(), tag(), value())
            .prop_map(|(key, value, tag, other)| Call::LoadsDuringEviction(key, value, tag, other)),
        2 => (key(), value(), tag(), value())
            .prop_map(|(key, value, tag, other)| Call::LoadDuringLoad(key, value, tag, other)),
        1 => key().prop_map(Call::Remove),
        4 => tag().prop_map(Call::RemoveTag),
        1 => value().prop_map(Call::RetainValue),
        1 => Just(Call::Clear),
        3 => (1..2_000_u64).prop_map(Call::Advance),
    ]
}

struct Run<const HASHES: u8> {
    cache: TtlCache<Key<HASHES>, Value>,
    clock: ManualClock,
}

impl<const HASHES: u8> Run<HASHES> {
    fn new(entries: usize) -> Self {
        let clock = ManualClock::new();
        let cache = TtlCache::builder("tags", Duration::from_millis(TTL))
            .max_entries(entries)
            // Numbers are the same tags, whatever their type.
            .tags(|_, value| tags(*value).map(u64::from))
            .clock(&clock);
        let cache = cache.build().expect("usable settings");
        Self { cache, clock }
    }

    /// The entries that have not expired.
    fn entries(&self) -> BTreeMap<Key<HASHES>, Value> {
        let keys = self.cache.keys().into_iter();
        keys.map(|key| (key, self.cache.get(&key).expect("it is there")))
            .collect()
    }

    /// Evicts a tag. Where hashes collide, other entries may go too.
    fn remove_tag(&self, tag: u8) {
        let (before, entries) = (self.entries(), self.cache.len());
        let collide = HASHES < u8::MAX;
        let removed = self.cache.remove_tag(tag);
        assert_eq!(self.cache.len(), entries - removed);
        let after = self.entries();
        for (key, value) in &before {
            let carries = tags(*value).any(|carried| carried == tag);
            match after.get(key) {
                Some(left) => assert!(left == value && !carries, "{key:?}: {value} is left"),
                None => assert!(carries || collide, "{key:?}: {value} has gone"),
            }
        }
        assert!(after.len() <= before.len());
    }

    /// Loads a value, if there is none. `during` happens meanwhile.
    fn load(&self, key: u8, value: Value, during: impl FnOnce()) -> bool {
        let (key, mut loaded) = (Key(key), false);
        let load = self.cache.get_or_load(&key, async || {
            loaded = true;
            during();
            value
        });
        let read = at_once(load);
        assert!(!loaded || read == value);
        loaded
    }

    fn call(&self, call: Call) {
        let carries = |value, tag| tags(value).any(|carried| carried == tag);
        let before = self.cache.stats().stored;
        let stored = || self.cache.stats().stored - before;
        match call {
            Call::Insert(key, value) => self.cache.insert(Key(key), value),
            Call::Load(key, value) => drop(self.load(key, value, || ())),
            Call::LoadDuringEviction(key, value, tag) => {
                if self.load(key, value, || self.remove_tag(tag)) {
                    assert_eq!(
                        stored() == 1,
                        !carries(value, tag),
                        "it carries no such tag"
                    );
                }
            }
            Call::LoadsDuringEviction(key, value, tag, other) => {
                let during = || {
                    self.remove_tag(tag);
                    assert!(self.load(key, other, || ()), "it shares no load");
                };
                if self.load(key, value, during) {
                    assert_eq!(stored(), 1, "the later load");
                    let left = self.cache.get(&Key(key));
                    assert!(left.is_none_or(|left| left == other));
                }
            }
            Call::LoadDuringLoad(key, value, tag, other) => {
                let key_of_both = Key(key);
                let mut first = pin!(self.cache.get_or_load(&key_of_both, async || {
                    yield_now().await;
                    value
                }));
                if poll_once(first.as_mut(), Waker::noop()).is_some() {
                    return;
                }
                self.remove_tag(tag);
                let ends = || assert_eq!(poll_once(first, Waker::noop()), Some(value));
                assert!(self.load(key, other, ends), "it shares no load");
                let expected = 1 + u64::from(!carries(value, tag));
                assert_eq!(stored(), expected, "both, unless the first carries the tag");
                let left = self.cache.get(&key_of_both);
                assert!(left.is_none_or(|left| left == other));
            }
            Call::Remove(key) => drop(self.cache.remove(&Key(key))),
            Call::RemoveTag(tag) => self.remove_tag(tag),
            Call::RetainValue(least) => drop(self.cache.retain(|_, value| *value >= least)),
            Call::Clear => self.cache.clear(),
            Call::Advance(millis) => self.clock.advance(Duration::from_millis(millis)),
        }
    }

    /// Makes the calls, and then evicts every tag: what carries none is left.
    fn run(entries: usize, calls: Vec<Call>) {
        let run = Self::new(entries);
        for call in calls {
            run.call(call);
        }
        (0..4).for_each(|tag| run.remove_tag(tag));
        assert!(run.entries().values().all(|value| *value == 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn evict_their_entries_and_no_others(
        entries in prop_oneof![1..8_usize, Just(600)],
        calls in prop::collection::vec(call(), 0..80),
    ) {
        Run::<{ u8::MAX }>::run(entries, calls);
    }

    #[test]
    fn evict_their_entries_although_hashes_collide(
        entries in prop_oneof![1..8_usize, Just(600)],
        calls in prop::collection::vec(call(), 0..80),
    ) {
        Run::<2>::run(entries, calls);
    }
}
