//! One part of a store: its entries, and the loads on their way, under one lock.

use std::hash::Hash;

use equivalent::Equivalent;
use hashbrown::HashTable;

use super::entries::{Discarded, Entries, entries};
use super::entry::Entry;
use super::keys::{Probe, Stored, hash as hash_of};
use super::layout::Layout;
use super::load::{Beginning, Load, Waiting};
use crate::clock::Nanos;

pub(super) struct Shard<K, V> {
    /// The generation of all entries. If the generation of the store differs, no entry may be
    /// served.
    generation: u64,
    entries: Entries<K, V>,
    /// The loads on their way. A load that an eviction has overtaken is not here any more, and
    /// stores nothing.
    pub(super) loads: HashTable<Load<K, V>>,
    /// The id of the next load, and so the number of loads entered so far.
    next_id: u64,
    sweep_at: Nanos,
    /// Evictions of single keys.
    pub(super) evictions: u64,
}

impl<K: Hash + Eq, V: Clone> Shard<K, V> {
    pub(super) fn new(layout: &Layout, generation: u64) -> Self {
        Self {
            generation,
            entries: entries(layout),
            loads: HashTable::new(),
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
    pub(super) fn enter(&mut self, hash: u64, key: K, begun: Beginning, shared: bool) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let load = Load {
            key,
            id,
            begun,
            shared,
            holders: 1,
            waiting: Waiting::nobody(),
        };
        self.loads
            .insert_unique(hash, load, |load| hash_of(&load.key));
        id
    }

    /// How many loads have been entered.
    pub(super) fn entered(&self) -> u64 {
        self.next_id
    }

    /// Takes the loads of a key out, so that they cannot be stored. The caller drops them after the
    /// lock is released.
    pub(super) fn overtake<Q>(&mut self, hash: u64, key: &Q) -> Vec<Load<K, V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let mut overtaken = Vec::new();
        if self.loads.is_empty() {
            return overtaken;
        }
        while let Ok(load) = (self.loads).find_entry(hash, |load| key.equivalent(&load.key)) {
            overtaken.push(load.remove().0);
        }
        overtaken
    }

    /// Like [`overtake`](Self::overtake), for the loads of all keys that are `stale`.
    pub(super) fn overtake_matching(&mut self, stale: impl Fn(&K) -> bool) -> Vec<Load<K, V>> {
        self.loads.extract_if(|load| stale(&load.key)).collect()
    }

    /// Keeps only entries that `keep` accepts; returns how many were removed.
    pub(super) fn retain(&mut self, keep: impl Fn(&K, &Entry<V>) -> bool) -> usize {
        let before = self.entries.len();
        self.entries.retain(|key, entry| keep(&key.0, entry));
        before - self.entries.len()
    }

    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// Begins a new generation; returns the entries of the old one.
    pub(super) fn renew(&mut self, generation: u64, layout: &Layout) -> Option<Entries<K, V>> {
        if self.is_of(generation) {
            return None;
        }
        self.generation = generation;
        Some(std::mem::replace(&mut self.entries, entries(layout)))
    }

    /// Drops what has expired, if the next sweep is due.
    pub(super) fn sweep(&mut self, now: Nanos, layout: &Layout) {
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now + layout.sweep_every;
        let keep = layout.keep_expired;
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
