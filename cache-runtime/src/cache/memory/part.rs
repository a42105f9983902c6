//! A shard behind its lock, and how often it was read.

use std::sync::PoisonError;

use super::shard::Shard;
use super::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// An atomic of the standard library even under the concurrency checker, whose own would only add
/// schedules to try.
#[derive(Default)]
struct Count(std::sync::atomic::AtomicU64);

impl Count {
    fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Threads that count at the same time may be counted as one.
    #[inline]
    fn add_one(&self) {
        let count = self.get() + 1;
        self.0.store(count, std::sync::atomic::Ordering::Relaxed);
    }
}

/// A shard, and how often it was read. The counters are in the cache line that locking the shard
/// takes anyway, so a read counts before it releases the lock: another core may have the line then.
// In this order: the compiler's own would put the counters behind the shard.
#[repr(C, align(128))]
pub(super) struct Part<K, V> {
    hits: Count,
    misses: Count,
    shard: RwLock<Shard<K, V>>,
}

impl<K, V> Part<K, V> {
    pub(super) fn new(shard: Shard<K, V>) -> Self {
        Self {
            hits: Count::default(),
            misses: Count::default(),
            shard: RwLock::new(shard),
        }
    }

    /// The numbers of hits and misses.
    pub(super) fn reads(&self) -> (u64, u64) {
        (self.hits.get(), self.misses.get())
    }

    #[inline]
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Shard<K, V>> {
        self.shard.read().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Shard<K, V>> {
        self.shard.write().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn count(&self, hit: bool) {
        if hit { &self.hits } else { &self.misses }.add_one();
    }
}
