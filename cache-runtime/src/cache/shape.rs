//! How a store is divided into shards.

use super::entry::{HOT, MAX_WEIGHT};
use crate::clock::Nanos;

/// Stores of fewer entries than this have one shard, so that their bound is exact.
const SMALL: usize = 512;
/// Shards are about this large, so that sweeping one is quick.
const ENTRIES_A_SHARD: usize = 2048;
/// Most shards of a store that is bounded by weight, where the number of entries is not known. Each
/// has its share of the weight, so many would leave no room for a heavy entry.
const SHARDS_BY_WEIGHT: u64 = 32;

/// Sweeping a shard more often than once a second would cost more than the memory is worth.
const SWEEP_AT_MOST: Nanos = 1_000_000_000;

/// How a store is divided.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) shards: usize,
    pub(super) entries_a_shard: usize,
    pub(super) weight_a_shard: u64,
    /// The most that one entry may weigh.
    pub(super) heaviest: u64,
    pub(super) sweep_every: Nanos,
    /// How long entries stay after they have expired.
    pub(super) keep_expired: Nanos,
    /// How long others may wait for a load that is not stored.
    pub(super) share_bypassed: Nanos,
}

/// What bounds a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capacity {
    Entries(usize),
    Weight(u64),
}

impl Shape {
    pub(super) fn new(
        capacity: Capacity,
        ttl: Nanos,
        keep_expired: Nanos,
        share_bypassed: Nanos,
    ) -> Self {
        let (shards, entries_a_shard, weight_a_shard) = match capacity {
            Capacity::Entries(entries) => {
                let shards = shards(entries);
                let entries = entries / shards;
                (shards, entries, entries as u64)
            }
            Capacity::Weight(weight) => {
                let most = (weight / SMALL as u64).clamp(1, SHARDS_BY_WEIGHT);
                let shards = 1 << most.ilog2();
                (shards, SMALL, weight / shards as u64)
            }
        };
        let heaviest = part_of(weight_a_shard, HOT);
        Self {
            shards,
            entries_a_shard,
            weight_a_shard,
            heaviest: heaviest.clamp(1, u64::from(MAX_WEIGHT) - 1),
            sweep_every: (ttl / 2).max(SWEEP_AT_MOST),
            keep_expired,
            share_bypassed,
        }
    }
}

/// A power of two: as many as cores may contend for, and as sweeping in small steps takes.
fn shards(entries: usize) -> usize {
    if entries <= SMALL {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(4, usize::from);
    let wanted = (entries / ENTRIES_A_SHARD).max(cores * 4);
    let most = entries / (SMALL / 2);
    wanted.min(most).next_power_of_two()
}

/// A part of a weight or a time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "it need not be exact, and is no more than the whole"
)]
pub(super) fn part_of(whole: u64, part: f64) -> u64 {
    (whole as f64 * part) as u64
}
