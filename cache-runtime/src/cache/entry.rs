//! What a store holds for a key, and what becomes of it when it goes.

use quick_cache::{Lifecycle, Weighter};

use super::NotStored;
use super::keys::Stored;
use super::shard::Entries;
use crate::clock::Nanos;

/// A value, until when it may be served, and what it counts for.
///
/// The two numbers share a word, because entries that are small are found faster: the time in
/// milliseconds, rounded down, and the weight in the lower [`WEIGHT_BITS`].
#[derive(Clone)]
pub(super) struct Entry<V> {
    pub(super) value: V,
    stamp: u64,
}

const WEIGHT_BITS: u32 = 24;
const NANOS_A_MILLI: u64 = 1_000_000;

/// A value that is to be stored, unless there is a reason against it already.
pub(super) struct Filling<V> {
    pub(super) entry: Entry<V>,
    pub(super) refusal: Option<NotStored>,
}

/// The part of a shard's weight that is for entries that are read often; no entry may weigh more.
pub(super) const HOT: f64 = 0.97;

/// More than an entry may weigh in any shard.
pub(super) const MAX_WEIGHT: u32 = (1 << WEIGHT_BITS) - 1;

impl<V> Entry<V> {
    /// The weight is as it was when the value came: the store's accounts must not depend on it
    /// staying so. [`MAX_WEIGHT`] stands for itself and anything above it.
    pub(super) fn new(value: V, expires: Nanos, weight: u32) -> Self {
        // 40 bits of milliseconds are 34 years since the machine has started.
        let millis = (expires / NANOS_A_MILLI).min(u64::MAX >> WEIGHT_BITS);
        Self {
            value,
            stamp: millis << WEIGHT_BITS | u64::from(weight.min(MAX_WEIGHT)),
        }
    }

    #[inline]
    pub(super) fn expires(&self) -> Nanos {
        (self.stamp >> WEIGHT_BITS) * NANOS_A_MILLI
    }

    pub(super) fn weight(&self) -> u64 {
        self.stamp & u64::from(MAX_WEIGHT)
    }
}

#[derive(Clone)]
pub(super) struct Weights;

impl<K, V> Weighter<Stored<K>, Entry<V>> for Weights {
    fn weight(&self, _key: &Stored<K>, entry: &Entry<V>) -> u64 {
        entry.weight()
    }
}

/// Collects what is replaced, or evicted for want of room, so that their `Drop`
/// runs without the lock.
#[derive(Clone)]
pub(super) struct Outside;

impl<K, V> Lifecycle<Stored<K>, Entry<V>> for Outside {
    type RequestState = Evicted<K, V>;

    fn on_evict(&self, evicted: &mut Evicted<K, V>, key: Stored<K>, entry: Entry<V>) {
        if evicted.first.is_none() {
            evicted.first = Some((key, entry));
        } else {
            evicted.more.push((key, entry));
        }
    }
}

/// An insert mostly takes out one entry, which needs no list.
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

/// Everything that an insert takes out of a shard. Only dropped.
pub(super) struct Discarded<K, V> {
    pub(super) evicted: Evicted<K, V>,
    pub(super) old: Option<Entries<K, V>>,
}

impl<K, V> Default for Discarded<K, V> {
    fn default() -> Self {
        Self {
            evicted: Evicted::default(),
            old: None,
        }
    }
}
