//! What has happened in a cache in Redis, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has happened in a cache in Redis, on this instance, since it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RedisCacheStats {
    /// Entries found in memory; threads that read the same part of it at the same time may be
    /// counted as one.
    pub memory_hits: u64,
    /// Entries found in Redis.
    pub redis_hits: u64,
    /// Entries found in neither.
    pub misses: u64,
    /// Fetches that have begun, refreshes ahead of expiry among them.
    pub fetches: u64,
    /// Fetches that failed, or were given up.
    pub failed_fetches: u64,
    /// Callers who were given what somebody else in this process had begun to look for.
    pub shared: u64,
    /// Callers who found that another instance was fetching.
    pub waits: u64,
    /// Those of them who did not wait for the end of it, and fetched as well.
    pub given_up_waits: u64,
    /// Refreshes ahead of expiry that have begun to fetch.
    pub refreshes: u64,
    /// Entries stored in Redis.
    pub stored: u64,
    /// Entries that were fetched and not stored in Redis, because of an eviction meanwhile, or
    /// because another instance was fetching.
    pub refused: u64,
    /// Values that were not stored because of their size.
    pub too_large: u64,
    /// Values that the codec refused to encode.
    pub unencodable: u64,
    /// Values in Redis that did not decode.
    pub undecodable: u64,
    /// Times that Redis could not be asked or told, because it was away or refused.
    pub redis_errors: u64,
    /// Evictions that events have caused.
    pub evictions: u64,
}

impl RedisCacheStats {
    /// The part of all reads that found an entry, from 0 to 1; `None` where nothing was read.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more")]
    pub fn hit_ratio(&self) -> Option<f64> {
        let hits = self.memory_hits + self.redis_hits + self.shared;
        let reads = hits + self.misses;
        (reads > 0).then(|| hits as f64 / reads as f64)
    }
}

/// The numbers behind [`RedisCacheStats`], except those that the memory level counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) redis_hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) fetches: AtomicU64,
    pub(super) failed_fetches: AtomicU64,
    pub(super) waits: AtomicU64,
    pub(super) given_up_waits: AtomicU64,
    pub(super) refreshes: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) too_large: AtomicU64,
    pub(super) unencodable: AtomicU64,
    pub(super) undecodable: AtomicU64,
    pub(super) redis_errors: AtomicU64,
    pub(super) evictions: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn snapshot(&self) -> RedisCacheStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RedisCacheStats {
            memory_hits: 0,
            shared: 0,
            redis_hits: read(&self.redis_hits),
            misses: read(&self.misses),
            fetches: read(&self.fetches),
            failed_fetches: read(&self.failed_fetches),
            waits: read(&self.waits),
            given_up_waits: read(&self.given_up_waits),
            refreshes: read(&self.refreshes),
            stored: read(&self.stored),
            refused: read(&self.refused),
            too_large: read(&self.too_large),
            unencodable: read(&self.unencodable),
            undecodable: read(&self.undecodable),
            redis_errors: read(&self.redis_errors),
            evictions: read(&self.evictions),
        }
    }
}
