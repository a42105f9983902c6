//! Single entries: reading, setting and removing them without a fetch.

use std::time::Duration;

use super::entry::{Cached, Fetched};
use super::error::{FetchError, RedisCacheError};
use super::inner::Inner;
use super::stats::{RedisCacheStats, count};
use crate::cache::memory::Storing;

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    pub(super) async fn lookup(&self, key: &str) -> Result<Option<Cached<V>>, RedisCacheError> {
        let storing = self.storing();
        if storing == Storing::Yes
            && let Some(cached) = self.engine.get(key)
        {
            return Ok(Some(cached));
        }
        if !self.trusts_redis() {
            count(&self.counters.misses);
            return Ok(None);
        }
        // Before Redis is asked: what is evicted from here on is not filled.
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
            // If it may not be stored, this caller has it all the same.
            let _ = reserved.store(cached.clone());
        }
        Ok(Some(cached))
    }

    /// For callers who need a value.
    pub(super) fn found<E>(&self, fetched: Fetched<V>) -> Result<V, FetchError<E>> {
        match fetched {
            Fetched::Found(value) => Ok(value),
            Fetched::Absent { category } => Err(FetchError::Absent {
                cache: self.name.clone(),
                category,
            }),
        }
    }

    pub(super) async fn set(&self, key: &str, value: &V) -> Result<(), RedisCacheError> {
        let fetched = Fetched::Found(value.clone());
        let Some(ttl) = self.settings.ttl_of(&fetched) else {
            return self.remove(key).await;
        };
        let bytes = self.encode(&fetched)?;
        let put = self.ask(self.put(&self.keys.of(key), &bytes, ttl)).await;
        put.map_err(|cause| self.redis_error("stored", cause))?;
        count(&self.counters.stored);
        self.insert(key, self.cached(fetched, Some(ttl)));
        Ok(())
    }

    fn insert(&self, key: &str, cached: Cached<V>) {
        if self.settings.memory.is_some() && cached.left > Duration::ZERO {
            // If there is no room for it, it is in Redis.
            let _ = self.engine.insert(key.to_owned(), cached);
        }
    }

    pub(super) async fn remove(&self, key: &str) -> Result<(), RedisCacheError> {
        let removed = self.ask(self.kv.evict(&[self.keys.of(key)])).await;
        // After it is gone from Redis, or else it could come back from there.
        self.engine.remove(key);
        removed.map_err(|cause| self.redis_error("removed", cause))
    }

    pub(super) fn stats(&self) -> RedisCacheStats {
        let engine = self.engine.stats();
        RedisCacheStats {
            memory_hits: engine.hits,
            shared: engine.shared_loads,
            ..self.counters.snapshot()
        }
    }
}
