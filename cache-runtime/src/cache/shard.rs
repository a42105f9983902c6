//! One part of a store: its entries, and the loads on their way, under one lock.

use std::hash::Hash;

use equivalent::Equivalent;
use hashbrown::HashTable;
use quick_cache::{OptionsBuilder, unsync};

use super::entry::{Discarded, Entry, HOT, Outside, Weights};
use super::flight::Storing;
use super::keys::{PassOn, Probe, Stored, hash as hash_of};
use super::shape::Shape;
use super::slot::{Slot, Waiting};
use crate::clock::Nanos;

pub(super) struct Shard<K, V> {
    /// Of everything in it; where the store's is another, nothing in it may be served or stored.
    generation: u64,
    entries: Entries<K, V>,
    /// Absent from here, a load has been overtaken by an eviction, and stores nothing.
    pub(super) slots: HashTable<Slot<K, V>>,
    /// The next slot's; also how many loads have been entered.
    next_id: u64,
    sweep_at: Nanos,
    /// Evictions of one key.
    pub(super) evictions: u64,
}

pub(super) type Entries<K, V> = unsync::Cache<Stored<K>, Entry<V>, Weights, PassOn, Outside>;

impl<K: Hash + Eq, V: Clone> Shard<K, V> {
    pub(super) fn new(shape: &Shape, generation: u64) -> Self {
        Self {
            generation,
            entries: entries(shape),
            slots: HashTable::new(),
            next_id: 0,
            sweep_at: 0,
            evictions: 0,
        }
    }

    /// The entry, if it is of this generation; it may have expired.
    #[inline]
    pub(super) fn get<Q>(&self, hash: u64, key: &Q, generation: u64) -> Option<&Entry<V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let entry = self.entries.get(&Probe { hash, key })?;
        self.is_of(generation).then_some(entry)
    }

    pub(super) fn insert(&mut self, key: K, entry: Entry<V>, discarded: &mut Discarded<K, V>) {
        self.entries
            .insert_with_lifecycle(Stored(key), entry, &mut discarded.evicted);
    }

    pub(super) fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<(Stored<K>, Entry<V>)>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.entries.remove(&Probe { hash, key })
    }

    /// Enters a load; returns its id.
    pub(super) fn enter(
        &mut self,
        hash: u64,
        key: K,
        generation: u64,
        storing: Storing,
        entered: Nanos,
        shared: bool,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let slot = Slot {
            key,
            id,
            generation,
            storing,
            entered,
            shared,
            holders: 1,
            waiting: Waiting::nobody(),
        };
        self.slots
            .insert_unique(hash, slot, |slot| hash_of(&slot.key));
        id
    }

    /// How many loads have been entered.
    pub(super) fn entered(&self) -> u64 {
        self.next_id
    }

    /// Takes the loads of a key out, so that they cannot be stored. They are to be dropped without
    /// the lock.
    pub(super) fn overtake<Q>(&mut self, hash: u64, key: &Q) -> Vec<Slot<K, V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let mut overtaken = Vec::new();
        if self.slots.is_empty() {
            return overtaken;
        }
        while let Ok(slot) = (self.slots).find_entry(hash, |slot| key.equivalent(&slot.key)) {
            overtaken.push(slot.remove().0);
        }
        overtaken
    }

    /// The same for the loads of all keys that are `stale`.
    pub(super) fn overtake_matching(&mut self, stale: impl Fn(&K) -> bool) -> Vec<Slot<K, V>> {
        self.slots.extract_if(|slot| stale(&slot.key)).collect()
    }

    /// Keeps only entries that `keep` accepts; returns how many went.
    pub(super) fn retain(&mut self, keep: impl Fn(&K, &Entry<V>) -> bool) -> usize {
        let before = self.entries.len();
        self.entries.retain(|key, entry| keep(&key.0, entry));
        before - self.entries.len()
    }

    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// Makes room for a new generation; returns the entries of the old one, if there is one.
    pub(super) fn renew(&mut self, generation: u64, shape: &Shape) -> Option<Entries<K, V>> {
        if self.is_of(generation) {
            return None;
        }
        self.generation = generation;
        Some(std::mem::replace(&mut self.entries, entries(shape)))
    }

    /// Drops what has expired, unless that was done not long ago.
    pub(super) fn sweep(&mut self, now: Nanos, shape: &Shape) {
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now + shape.sweep_every;
        let keep = shape.keep_expired;
        self.retain(|_, entry| entry.expires().saturating_add(keep) > now);
    }

    pub(super) fn iter(&self, generation: u64) -> impl Iterator<Item = (&K, &Entry<V>)> {
        let entries = self
            .is_of(generation)
            .then(|| self.entries.iter())
            .into_iter()
            .flatten();
        entries.map(|(key, entry)| (&key.0, entry))
    }

    pub(super) fn len(&self, generation: u64) -> usize {
        if self.is_of(generation) {
            self.entries.len()
        } else {
            0
        }
    }
}

fn entries<K: Hash + Eq, V>(shape: &Shape) -> Entries<K, V> {
    let options = OptionsBuilder::new()
        .estimated_items_capacity(shape.entries_a_shard)
        .weight_capacity(shape.weight_a_shard)
        .hot_allocation(HOT)
        .build()
        .expect("both capacities are set");
    Entries::with_options(options, Weights, PassOn, Outside)
}
