//! What has happened in a cache, in numbers.

/// What has happened in a cache, on this instance, since it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheStats {
    /// Reads that found an entry; threads that read the same part of the cache at the same time may
    /// be counted as one.
    pub hits: u64,
    /// Reads that found none; counted as hits are.
    pub misses: u64,
    /// Loads that have begun, or wait until there are fewer than the most at a time.
    pub loads: u64,
    /// Loads that have failed, panicked or were dropped.
    pub failed_loads: u64,
    /// Callers who were given a value that somebody else had begun to load.
    pub shared_loads: u64,
    /// Loads that an eviction has overtaken: their values were not stored.
    pub overtaken_loads: u64,
    /// How often something was evicted: by a key, several, a predicate, or everything.
    pub evictions: u64,
    /// Keys that are being loaded now.
    pub loading: usize,
}

impl CacheStats {
    /// The part of all reads that found an entry, from 0 to 1; `None` where nothing was read.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more")]
    pub fn hit_ratio(&self) -> Option<f64> {
        let reads = self.hits + self.misses;
        (reads > 0).then(|| self.hits as f64 / reads as f64)
    }
}
