//! Reading, storing and removing an entry without a load.

use super::entry::{Cached, Loaded};
use super::error::RedisCacheError;
use super::shared::Shared;
use crate::cache::memory::Storing;
use crate::counters::count;

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// The entry in memory, if memory may be read.
    #[inline]
    pub(super) fn in_memory(&self, key: &str) -> Option<Cached<V>> {
        let readable = self.storing() == Storing::Yes;
        readable.then(|| self.engine.get(key)).flatten()
    }

    /// Reads the entry from Redis and stores it in memory; memory was looked at before.
    pub(super) async fn lookup(&self, key: &str) -> Result<Option<Cached<V>>, RedisCacheError> {
        let storing = self.storing();
        if !self.trusts_redis() {
            count(&self.counters.misses);
            return Ok(None);
        }
        // Taken before Redis is asked: an eviction from here on keeps the value out of memory.
        let reserved = (storing == Storing::Yes).then(|| self.engine.begin_load(key, storing));
        let found = self.look_up(key, &self.keys.of(key)).await;
        let found = found.map_err(|cause| self.redis_error("read", cause))?;
        let Some(cached) = found.and_then(|found| self.read(key, &found)) else {
            count(&self.counters.misses);
            return Ok(None);
        };
        count(&self.counters.redis_hits);
        if let Some(reserved) = reserved
            && self.storing() == Storing::Yes
        {
            // The caller receives the value even if it may not be stored.
            let _ = reserved.store(cached.clone());
        }
        Ok(Some(cached))
    }

    pub(super) async fn insert(&self, key: &str, value: V) -> Result<(), RedisCacheError> {
        let loaded = Loaded::Present(value);
        let Some(ttl) = self.options.ttl_of(&loaded) else {
            return self.remove(key).await;
        };
        let mut bytes = Vec::new();
        let content = self.encode(&loaded, &mut bytes)?;
        let put = self.put(&self.keys.of(key), content, ttl).await;
        put.map_err(|cause| self.redis_error("stored", cause))?;
        count(&self.counters.stored);
        if self.options.memory.is_some() {
            // If it cannot be stored in memory, it is in Redis all the same.
            let _ = (self.engine).insert(key.to_owned(), self.cached(loaded, Some(ttl)));
        }
        Ok(())
    }

    pub(super) async fn remove(&self, key: &str) -> Result<(), RedisCacheError> {
        let removed = self.ask(self.keyspace.evict(&[self.keys.of(key)])).await;
        // Memory after Redis: otherwise a read could bring the value back from Redis.
        self.engine.remove(key);
        removed.map_err(|cause| self.redis_error("removed", cause))
    }
}
