//! How a store is divided into shards.

use super::entry::MAX_WEIGHT;
use crate::clock::Nanos;

/// The part of a shard's weight that is for entries that are read often. No entry may weigh more.
pub(super) const HOT: f64 = 0.97;

/// Stores of up to this many entries have one shard, so that their bound is exact.
const SMALL: usize = 512;
/// Shards hold about this many entries, so that sweeping one is quick.
const ENTRIES_PER_SHARD: usize = 2048;
/// The most shards of a store that is bounded by weight.
const SHARDS_BY_WEIGHT: u64 = 32;
/// The least share of a shard in that weight, if there are several: a smaller one would leave no
/// room for a heavy entry.
const LEAST_SHARE: u64 = 1 << 19;

/// Least time between two sweeps of a shard, in nanoseconds: sweeping more often costs more than
/// the memory is worth.
const SWEEP_EVERY: Nanos = 1_000_000_000;

/// How a store is divided.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) shards: usize,
    pub(super) entries_per_shard: usize,
    pub(super) weight_per_shard: u64,
    /// The most that an entry may weigh.
    pub(super) heaviest: u64,
    pub(super) sweep_every: Nanos,
    /// How long entries stay after they have expired.
    pub(super) keep_expired: Nanos,
}

/// What bounds a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capacity {
    Entries(usize),
    Weight(u64),
}

impl Layout {
    pub(super) fn new(capacity: Capacity, ttl: Nanos, keep_expired: Nanos) -> Self {
        let (shards, entries_per_shard, weight_per_shard) = match capacity {
            Capacity::Entries(entries) => {
                let shards = shards(entries);
                let entries = entries / shards;
                (shards, entries, entries as u64)
            }
            Capacity::Weight(weight) => {
                let most = (weight / LEAST_SHARE).clamp(1, SHARDS_BY_WEIGHT);
                let shards = 1 << most.ilog2();
                (shards, SMALL, weight / shards as u64)
            }
        };
        let heaviest = part_of(weight_per_shard, HOT);
        Self {
            shards,
            entries_per_shard,
            weight_per_shard,
            heaviest: heaviest.clamp(1, u64::from(MAX_WEIGHT) - 1),
            sweep_every: (ttl / 2).max(SWEEP_EVERY),
            keep_expired,
        }
    }
}

/// The number of shards, a power of two: enough that cores rarely meet in one shard, and that
/// sweeping one is quick.
fn shards(entries: usize) -> usize {
    if entries <= SMALL {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(4, usize::from);
    let wanted = (entries / ENTRIES_PER_SHARD).max(cores * 4);
    let most = entries / (SMALL / 2);
    wanted.min(most).next_power_of_two()
}

/// A part of a weight or a time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "it need not be exact, and is at most the whole"
)]
pub(super) fn part_of(whole: u64, part: f64) -> u64 {
    (whole as f64 * part) as u64
}
