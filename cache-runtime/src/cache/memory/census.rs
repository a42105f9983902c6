//! What a store holds, and what has become of its entries.

use std::hash::Hash;

use super::part::Part;
use super::shard::Account;
use super::store::Store;
use crate::clock::Nanos;

impl<K: Hash + Eq, V: Clone> Store<K, V> {
    /// Calls `each` with every entry that has not expired.
    pub(super) fn for_each(&self, now: Nanos, mut each: impl FnMut(&K, &V)) {
        let generation = self.generation();
        for part in &self.shards {
            let shard = part.read();
            for (key, entry) in shard.iter(generation) {
                if now < entry.expires() {
                    each(key, &entry.value);
                }
            }
        }
    }

    /// The number of entries, including those that have expired and were not swept yet.
    pub(super) fn len(&self) -> usize {
        let generation = self.generation();
        let len = |part: &Part<K, V>| part.read().len(generation);
        self.shards.iter().map(len).sum()
    }

    /// The sum of the weights of these entries.
    #[cfg(any(feature = "metrics", feature = "otel"))]
    pub(super) fn weight(&self) -> u64 {
        let generation = self.generation();
        let weight = |part: &Part<K, V>| part.read().weight(generation);
        self.shards.iter().map(weight).sum()
    }

    /// The number of loads on their way.
    pub(super) fn loading(&self) -> usize {
        let loading = |part: &Part<K, V>| part.read().loads.len();
        self.shards.iter().map(loading).sum()
    }

    /// How entries have come and gone.
    pub(super) fn account(&self) -> Account {
        let mut all = Account::default();
        for part in &self.shards {
            // The generation is read under the lock: it is not behind that of the shard.
            let shard = part.read();
            all.add(&shard.account(self.generation()));
        }
        all
    }

    /// The numbers of hits and misses.
    pub(super) fn reads(&self) -> (u64, u64) {
        let parts = self.shards.iter().map(Part::reads);
        parts.fold((0, 0), |all, part| (all.0 + part.0, all.1 + part.1))
    }
}
