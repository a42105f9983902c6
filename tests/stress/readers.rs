//! The caches that are compared.

use std::sync::Arc;

use cache_runtime::redis::Coherent as Evicted;
use cache_runtime::{CoherentCache, RedisCache, TtlCache};
use tokio::runtime;

use crate::database::Database;
use crate::key;

/// A cache in front of the database.
pub(crate) trait Reader: Sync {
    /// Reads in one of several ways.
    fn read(&self, way: usize, group: usize, row: usize) -> Option<u64>;
}

pub(crate) struct Coherent {
    pub(crate) cache: CoherentCache<String, u64>,
    pub(crate) database: Arc<Database>,
    pub(crate) runtime: runtime::Handle,
}

impl Reader for Coherent {
    fn read(&self, way: usize, group: usize, row: usize) -> Option<u64> {
        let key = key(group, row);
        let load = || async { self.database.load(group, row) };
        match way % 8 {
            0..3 => self.cache.get(&key),
            3 => {
                let token = self.cache.begin_load(&key);
                let version = self.database.load(group, row);
                // Whether it was stored does not matter: later reads check the version.
                let _ = token.store(version);
                None
            }
            _ => Some(self.runtime.block_on(self.cache.get_or_load(&key, load))),
        }
    }
}

/// The cache that another one loads from.
pub(crate) enum Inner {
    Memory(CoherentCache<String, u64>),
    Redis(RedisCache<u64, Evicted>),
}

/// A cache that loads from another one.
pub(crate) struct Layered {
    pub(crate) outer: CoherentCache<String, u64>,
    pub(crate) inner: Inner,
    pub(crate) database: Arc<Database>,
    pub(crate) runtime: runtime::Handle,
}

impl Layered {
    async fn read_inner(&self, key: &str, group: usize, row: usize) -> u64 {
        let load = || async { self.database.load(group, row) };
        match &self.inner {
            Inner::Memory(inner) => inner.get_or_load(key, load).await,
            Inner::Redis(inner) => inner.get_or_load(key, load).await.expect("nothing fails"),
        }
    }
}

impl Reader for Layered {
    fn read(&self, way: usize, group: usize, row: usize) -> Option<u64> {
        let key = key(group, row);
        let read_inner = || self.read_inner(&key, group, row);
        match way % 8 {
            0..3 => self.outer.get(&key),
            3 => {
                let token = self.outer.begin_load(&key);
                let version = self.runtime.block_on(read_inner());
                // Whether it was stored does not matter: later reads check the version.
                let _ = token.store(version);
                Some(version)
            }
            4 => Some(self.runtime.block_on(read_inner())),
            _ => {
                let read = self.outer.get_or_load(&key, read_inner);
                Some(self.runtime.block_on(read))
            }
        }
    }
}

/// A cache filled by hand after a miss, without regard to events that arrive during the load.
pub(crate) struct GetThenInsert {
    pub(crate) cache: TtlCache<String, u64>,
    pub(crate) database: Arc<Database>,
}

impl Reader for GetThenInsert {
    fn read(&self, _way: usize, group: usize, row: usize) -> Option<u64> {
        let key = key(group, row);
        let found = self.cache.get(&key);
        Some(found.unwrap_or_else(|| {
            let version = self.database.load(group, row);
            self.cache.insert(key, version);
            version
        }))
    }
}
