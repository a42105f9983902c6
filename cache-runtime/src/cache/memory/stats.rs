//! What has happened in a cache, in numbers.

use crate::counters::{Evictions, counters, ratio};

counters! {
    /// What has happened in a cache, on this instance, since it was built.
    pub struct CacheStats from Counters {
        counted {
            /// Loads that have begun, each once: not those that still wait because of
            /// `max_concurrent_loads`.
            loads,
            /// Loads that failed, panicked or were dropped; those of a `LoadToken` are not counted.
            failed_loads,
            /// Reads that found no entry when they came, and received the value of another caller's
            /// load.
            shared_loads,
            /// Loads that an eviction has overtaken, or that began while the caches of a channel
            /// were being told of an event: their values were not stored.
            overtaken_loads,
            /// Loads that took longer than `load_wait` or `load_timeout`, or waited for themselves.
            hung_loads,
            /// Values that were not stored because the closure given to `tags` panicked, or a tag
            /// could not be displayed.
            untagged,
        }
        derived {
            /// Reads that found an entry. Threads that read the same part of the cache at the same
            /// time may be counted as one.
            hits: u64,
            /// Reads that found no entry, and received no other caller's value: they have loaded,
            /// have failed with another caller's load, or were no calls that load. Counted as hits
            /// are. All reads are `hits`, `misses` and `shared_loads`.
            misses: u64,
            /// Keys that are being loaded now, or wait for that.
            loading: u64,
            /// Entries that were stored. As many are in memory, or have left it for one of the
            /// causes that `evictions` counts.
            stored: u64,
            /// Values that were not stored because their entries were too heavy.
            too_heavy: u64,
            /// Entries that have left the cache, by cause.
            evictions: Evictions,
        }
    }
}

impl CacheStats {
    /// The part of all reads that needed no load of their own, from 0 to 1; `None` where nothing was
    /// read.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        ratio(self.hits + self.shared_loads, self.misses)
    }
}
