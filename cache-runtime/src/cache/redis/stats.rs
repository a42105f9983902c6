//! What has happened in a cache in Redis, in numbers.

use crate::counters::{Evictions, counters, ratio};

counters! {
    /// What has happened in a cache in Redis, on this instance, since it was built.
    pub struct RedisCacheStats from Counters {
        counted {
            /// Entries found in Redis.
            redis_hits,
            /// Reads that found an entry neither in memory nor in Redis.
            misses,
            /// Loads that have begun, refreshes ahead of expiry among them.
            loads,
            /// Loads that failed, panicked or were dropped.
            failed_loads,
            /// Reads that found another instance loading.
            waits,
            /// Waits that ended before the other instance had loaded, so that the caller loaded as
            /// well.
            given_up_waits,
            /// Refreshes ahead of expiry that have begun to load.
            refreshes,
            /// Entries stored in Redis.
            stored,
            /// Entries that were loaded and not stored in Redis, because they were evicted
            /// meanwhile, because the caches of a channel were being told of an event, or because
            /// another instance was loading.
            refused,
            /// Values that were not stored because of their size.
            too_large,
            /// Values that the codec refused to encode.
            unencodable,
            /// Values in Redis that did not decode, or were too large.
            undecodable,
            /// Commands that failed, because Redis was away or refused them.
            redis_errors,
            /// Events that have evicted something. One of this instance's own counts when it is
            /// published, and not when it comes back within a second.
            evicting_events,
        }
        derived {
            /// Entries found in memory. Threads that read the same part of it at the same time may
            /// be counted as one.
            memory_hits: u64,
            /// Callers that were given what another caller in this process was already looking for
            /// or loading.
            shared_loads: u64,
            /// Loads in this process that took longer than `load_wait`, or waited for themselves.
            hung_loads: u64,
            /// Entries that were stored in memory. As many are there, or have left it for one of the
            /// causes that `evictions` counts.
            memory_stored: u64,
            /// Entries that have left the memory of this instance, by cause. How many an event has
            /// deleted in Redis is not known.
            evictions: Evictions,
        }
    }
}

impl RedisCacheStats {
    /// The part of all reads that found an entry, from 0 to 1; `None` where nothing was read.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let hits = self.memory_hits + self.redis_hits + self.shared_loads;
        ratio(hits, self.misses)
    }
}
