//! Coherent caches, in memory and in Redis.

use std::convert::Infallible;
use std::time::Duration;

use cache_runtime::bus::Health;
use cache_runtime::redis::{Coherent as InRedis, Loaded};
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, RedisCache, cache_invalidation};
use futures_util::future::try_join_all;
use support::until;

use super::contender::{Contender, Database, Reader, Writer};

const TTL: Duration = Duration::from_hours(1);
const ENTRIES: usize = 10_000;

#[derive(InvalidationEvent)]
enum KeyEvent {
    Key { id: String },
    All,
}

#[cache_invalidation(channel = "cache:contest", event = KeyEvent)]
struct Keys;

pub(crate) struct Coherent;
pub(crate) struct CoherentInRedis;

#[derive(Clone)]
pub(crate) struct MemoryReader {
    cache: CoherentCache<String, Option<u64>>,
    database: Database,
}

#[derive(Clone)]
pub(crate) struct RedisReader {
    cache: RedisCache<u64, InRedis>,
    database: Database,
}

pub(crate) struct OurWriter {
    keys: Keys,
    /// Publishers delete in Redis, if they have built the cache.
    _cache: Option<RedisCache<u64, InRedis>>,
    database: Database,
}

fn evict(event: &KeyEvent) -> Evict<String> {
    match event {
        KeyEvent::Key { id } => Evict::key(id),
        KeyEvent::All => Evict::All,
    }
}

async fn connect(link: &str) -> Bus {
    let bus = Bus::redis(link).connect().await;
    bus.expect("the server is running")
}

async fn live(bus: &Bus) {
    until(
        "the bus to be live",
        &mut bus.watch_health(),
        Health::is_live,
    )
    .await;
}

fn in_redis(bus: &Bus) -> (RedisCache<u64, InRedis>, Keys) {
    let keys = Keys::new(bus);
    let cache = RedisCache::builder(bus, "contest", TTL).memory(TTL, ENTRIES);
    let cache = cache.evict_on(&keys, evict).build();
    (cache.expect("the settings can be used"), keys)
}

impl Contender for Coherent {
    const NAME: &'static str = "**`CoherentCache`**";

    type Reader = MemoryReader;
    type Writer = OurWriter;

    async fn reader(link: &str, database: &str, late: Option<Duration>) -> MemoryReader {
        let bus = connect(link).await;
        let cache = CoherentCache::builder("contest", TTL).evict_on(&Keys::new(&bus), evict);
        let cache = cache.build().expect("the settings can be used");
        live(&bus).await;
        let database = Database::connect(database, late).await;
        MemoryReader { cache, database }
    }

    async fn writer(link: &str, database: &str) -> OurWriter {
        OurWriter {
            keys: Keys::new(&connect(link).await),
            _cache: None,
            database: Database::connect(database, None).await,
        }
    }
}

impl Contender for CoherentInRedis {
    const NAME: &'static str = "**`RedisCache` with `evict_on`, and a copy in memory**";

    type Reader = RedisReader;
    type Writer = OurWriter;

    async fn reader(link: &str, database: &str, late: Option<Duration>) -> RedisReader {
        let bus = connect(link).await;
        let (cache, _) = in_redis(&bus);
        live(&bus).await;
        let database = Database::connect(database, late).await;
        RedisReader { cache, database }
    }

    async fn writer(link: &str, database: &str) -> OurWriter {
        let bus = connect(link).await;
        let (cache, keys) = in_redis(&bus);
        live(&bus).await;
        OurWriter {
            keys,
            _cache: Some(cache),
            database: Database::connect(database, None).await,
        }
    }
}

impl Reader for MemoryReader {
    async fn read(&mut self, key: &str) -> Result<Option<u64>, String> {
        let database = &mut self.database;
        Ok(self.cache.get_or_load(key, || database.load(key)).await)
    }
}

impl Reader for RedisReader {
    async fn read(&mut self, key: &str) -> Result<Option<u64>, String> {
        let database = &mut self.database;
        let load = || async move {
            let value = database.load(key).await;
            Ok::<_, Infallible>(value.map_or_else(|| Loaded::absent("none"), Loaded::Present))
        };
        let found = self.cache.lookup_or_load(key, load).await;
        match found {
            Ok(Loaded::Present(value)) => Ok(Some(value)),
            Ok(Loaded::Absent { .. }) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Writer for OurWriter {
    async fn write(&mut self, values: &[(String, u64)]) -> Result<(), String> {
        self.database.set(values).await?;
        let publish = |(id, _): &(String, u64)| self.keys.invalidate_key(id);
        let all = try_join_all(values.iter().map(publish)).await;
        all.map(drop).map_err(|error| error.to_string())
    }

    async fn clear(&mut self) {
        self.database.clear().await;
        let told = self.keys.invalidate_all().await;
        told.expect("the server is running");
    }

    async fn truth(&mut self, key: &str) -> Option<u64> {
        self.database.load(key).await
    }
}
