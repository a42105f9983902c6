//! What has happened in a cache, in numbers.

use crate::counters::counters;

counters! {
    /// What has happened in a cache, on this instance, since it was built.
    pub struct CacheStats from Counters {
        counted {
            /// Loads that have begun, or wait because of `max_concurrent_loads`.
            loads,
            /// Loads that failed, panicked or were dropped; those of a `LoadToken` are not counted.
            failed_loads,
            /// Callers who received a value that another caller had begun to load.
            shared_loads,
            /// Loads that an eviction has overtaken, or that began while the caches of a channel
            /// were being told of an event: their values were not stored.
            overtaken_loads,
            /// Loads that took longer than `load_wait`, or waited for themselves.
            hung_loads,
            /// Evictions: one for each key, for each predicate, and for each time that everything
            /// was evicted.
            evictions,
        }
        derived {
            /// Reads that found an entry. Threads that read the same part of the cache at the same
            /// time may be counted as one.
            hits,
            /// Reads that found no entry, counted as hits are.
            misses,
            /// Keys that are being loaded now.
            loading,
        }
    }
}

impl CacheStats {
    /// The part of all reads that found an entry, from 0 to 1; `None` where nothing was read.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        crate::counters::ratio(self.hits, self.misses)
    }
}
