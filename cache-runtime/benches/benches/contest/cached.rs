//! The cache in Redis of the crate `cached`, with its client-side caching.

use std::sync::Arc;
use std::time::Duration;

use cached::{AsyncRedisCache, ConcurrentCachedAsync};
use futures_util::future::try_join_all;

use super::contender::{Contender, Database, Reader, Writer};

const TTL: Duration = Duration::from_hours(1);

type Cache = AsyncRedisCache<String, u64>;

pub(crate) struct Cached;

/// It stores values in its own form, so the database is behind it too.
pub(crate) struct CachedWriter {
    cache: Cache,
    server: Database,
}

async fn cache(link: &str, client_side: bool) -> Cache {
    let builder = Cache::builder("contest").ttl(TTL);
    let builder = builder.connection_string(link);
    let cache = builder.client_side_caching(client_side).build().await;
    cache.expect("the server is running")
}

impl Contender for Cached {
    const NAME: &'static str = "cached 4.1, `AsyncRedisCache`, `client_side_caching`";
    const LOADS: bool = false;

    type Reader = Arc<Cache>;
    type Writer = CachedWriter;

    async fn reader(link: &str, _: &str, _: Option<Duration>) -> Self::Reader {
        Arc::new(cache(link, true).await)
    }

    async fn writer(link: &str, _: &str) -> Self::Writer {
        CachedWriter {
            cache: cache(link, false).await,
            server: Database::connect(link, None).await,
        }
    }
}

impl Reader for Arc<Cache> {
    async fn read(&mut self, key: &str) -> Result<Option<u64>, String> {
        let value = self.async_cache_get(&key.to_owned()).await;
        value.map_err(|error| error.to_string())
    }
}

impl Writer for CachedWriter {
    async fn write(&mut self, values: &[(String, u64)]) -> Result<(), String> {
        let cache = &self.cache;
        let set = |(key, value): &(String, u64)| cache.async_cache_set(key.clone(), *value);
        let all = try_join_all(values.iter().map(set)).await;
        all.map(drop).map_err(|error| error.to_string())
    }

    async fn clear(&mut self) {
        self.server.clear().await;
    }

    async fn truth(&mut self, key: &str) -> Option<u64> {
        let value = self.cache.async_cache_get(&key.to_owned()).await;
        value.expect("the server is running")
    }
}
