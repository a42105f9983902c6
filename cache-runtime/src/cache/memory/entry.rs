//! What a store holds for a key.

use super::tags::Tag;
use crate::cache::error::NotStored;
use crate::clock::Nanos;

/// A value, the time when it expires, and its weight.
///
/// The time and the weight share a word, because small entries are found faster. The time is in
/// milliseconds, rounded down; the weight takes the lower [`WEIGHT_BITS`].
#[derive(Clone)]
pub(super) struct Entry<V> {
    pub(super) value: V,
    stamp: u64,
}

const WEIGHT_BITS: u32 = 24;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// More than an entry may weigh in any shard.
pub(super) const MAX_WEIGHT: u32 = (1 << WEIGHT_BITS) - 1;

/// An entry to be stored, unless `refusal` says why it must not be.
pub(super) struct NewEntry<V> {
    pub(super) entry: Entry<V>,
    pub(super) refusal: Option<NotStored>,
    pub(super) tags: Vec<Tag>,
}

impl<V> Entry<V> {
    /// `weight` is kept, because the store subtracts the weight that it has added, even if the
    /// value weighs something else by then. A larger weight counts as [`MAX_WEIGHT`].
    pub(super) fn new(value: V, expires: Nanos, weight: u32) -> Self {
        // 40 bits of milliseconds are 34 years since the machine started.
        let millis = (expires / NANOS_PER_MILLI).min(u64::MAX >> WEIGHT_BITS);
        Self {
            value,
            stamp: millis << WEIGHT_BITS | u64::from(weight.min(MAX_WEIGHT)),
        }
    }

    #[inline]
    pub(super) fn expires(&self) -> Nanos {
        (self.stamp >> WEIGHT_BITS) * NANOS_PER_MILLI
    }

    /// The time and the weight, which never change.
    pub(super) fn stamp(&self) -> u64 {
        self.stamp
    }

    pub(super) fn weight(&self) -> u64 {
        self.stamp & u64::from(MAX_WEIGHT)
    }
}
