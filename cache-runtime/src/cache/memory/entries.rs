//! The entries of a shard. `quick_cache` decides which of them stay when there are too many.

use std::hash::Hash;

use quick_cache::{Lifecycle, OptionsBuilder, Weighter, unsync};

use super::entry::Entry;
use super::keys::{PassOn, Stored};
use super::layout::{HOT, Layout};
use super::tag_index::TagIndex;

pub(super) type Entries<K, V> = unsync::Cache<Stored<K>, Entry<V>, Weights, PassOn, DropLater>;

pub(super) fn entries<K: Hash + Eq, V>(layout: &Layout) -> Entries<K, V> {
    let options = OptionsBuilder::new()
        .estimated_items_capacity(layout.entries_per_shard)
        .weight_capacity(layout.weight_per_shard)
        .hot_allocation(HOT)
        .build()
        .expect("both capacities are set");
    Entries::with_options(options, Weights, PassOn, DropLater)
}

#[derive(Clone)]
pub(super) struct Weights;

impl<K, V> Weighter<Stored<K>, Entry<V>> for Weights {
    fn weight(&self, _key: &Stored<K>, entry: &Entry<V>) -> u64 {
        entry.weight()
    }
}

/// Collects entries that an insert replaces or evicts for want of room, so that they are dropped
/// after the shard's lock is released.
#[derive(Clone)]
pub(super) struct DropLater;

impl<K, V> Lifecycle<Stored<K>, Entry<V>> for DropLater {
    type RequestState = Evicted<K, V>;

    fn on_evict(&self, evicted: &mut Evicted<K, V>, key: Stored<K>, entry: Entry<V>) {
        if evicted.first.is_none() {
            evicted.first = Some((key, entry));
        } else {
            evicted.more.push((key, entry));
        }
    }
}

/// The entries that an insert has evicted. Mostly it is one, which needs no list.
pub(super) struct Evicted<K, V> {
    first: Option<(Stored<K>, Entry<V>)>,
    more: Vec<(Stored<K>, Entry<V>)>,
}

impl<K, V> Default for Evicted<K, V> {
    fn default() -> Self {
        Self {
            first: None,
            more: Vec::new(),
        }
    }
}

impl<K, V> Evicted<K, V> {
    /// The entries, in the order in which they were taken out.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Stored<K>, Entry<V>)> {
        self.first.iter().chain(&self.more)
    }
}

/// Everything that an old generation of a shard has left.
pub(super) struct Old<K, V> {
    pub(super) _entries: Entries<K, V>,
    pub(super) _tags: Option<TagIndex>,
}

/// Everything that an insert takes out of a shard, to be dropped after the lock is released.
pub(super) struct Discarded<K, V> {
    pub(super) evicted: Evicted<K, V>,
    pub(super) old: Option<Old<K, V>>,
    pub(super) expired: Vec<(Stored<K>, Entry<V>)>,
}

impl<K, V> Default for Discarded<K, V> {
    fn default() -> Self {
        Self {
            evicted: Evicted::default(),
            old: None,
            expired: Vec::new(),
        }
    }
}
