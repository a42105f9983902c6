//! Cooldowns whose ends were named, each by itself.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::cache::key::{LoadKey, LookupKey};
use crate::clock::Nanos;

/// An end, and a number that tells cooldowns apart that end at the same time.
type End = (Nanos, u64);

pub(super) struct Named<K> {
    entries: HashTable<(K, End)>,
    /// The hash of each key, by its end.
    ends: BTreeMap<End, u64>,
    /// The number of the latest end.
    number: u64,
    hasher: RandomState,
}

impl<K> Default for Named<K> {
    fn default() -> Self {
        Self {
            entries: HashTable::new(),
            ends: BTreeMap::new(),
            number: 0,
            hasher: RandomState::default(),
        }
    }
}

impl<K> Named<K> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// The earliest end.
    pub(super) fn first(&self) -> Option<Nanos> {
        self.ends.first_key_value().map(|((end, _), _)| *end)
    }

    /// Removes the cooldown that ends first.
    pub(super) fn pop_first(&mut self) -> Option<(K, Nanos)> {
        let (first, hash) = self.ends.pop_first()?;
        let found = self.entries.find_entry(hash, |(_, end)| *end == first);
        let ((key, (end, _)), _) = found.ok()?.remove();
        Some((key, end))
    }
}

impl<K: Hash + Eq> Named<K> {
    pub(super) fn end<Q>(&self, key: &Q) -> Option<Nanos>
    where
        Q: LookupKey<K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let found = self.entries.find(hash, |(own, _)| key.equivalent(own));
        found.map(|(_, (end, _))| *end)
    }

    /// Adds a key that is not there.
    pub(super) fn insert<Q>(&mut self, key: &Q, end: Nanos)
    where
        Q: LoadKey<K> + ?Sized,
    {
        let (hash, owned) = (self.hasher.hash_one(key), key.to_owned());
        self.number += 1;
        let end = (end, self.number);
        let hasher = |(key, _): &(K, End)| self.hasher.hash_one(key);
        self.entries.insert_unique(hash, (owned, end), hasher);
        self.ends.insert(end, hash);
    }

    pub(super) fn remove<Q>(&mut self, key: &Q) -> Option<(K, Nanos)>
    where
        Q: LookupKey<K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let found = self
            .entries
            .find_entry(hash, |(own, _)| key.equivalent(own));
        let ((key, end), _) = found.ok()?.remove();
        self.ends.remove(&end);
        Some((key, end.0))
    }
}
