//! Readers, writers and every kind of event at once, on three instances: no read returns a value
//! older than an event that its instance has seen.

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use cache_runtime::redis::Coherent;
use cache_runtime::service::Subscription;
use cache_runtime::{Evict, InvalidationEvent, RedisCache};
use support::{Admin, DEADLINE};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use crate::fixture::{LONG, Place, TextEvent, Texts};

const KEYS: usize = 4;

/// The true version of each key, which only grows.
#[derive(Default)]
struct Database([AtomicU64; KEYS]);

/// An instance, and for each key the oldest version that it may still read.
struct Instance {
    texts: Texts,
    cache: RedisCache<u64, Coherent>,
    /// Whether the cache keeps entries in memory too.
    memory: bool,
    floor: Arc<Database>,
    _after: Subscription,
}

impl Instance {
    async fn new(place: &Place, memory: bool, database: &Arc<Database>) -> Self {
        let bus = place.instance().await;
        let texts = Texts::new(&bus);
        // Every entry is due for a refresh after 1 ms.
        let database = Arc::clone(database);
        let load = move |key: String| load(Arc::clone(&database), number(&key));
        let cache = RedisCache::<u64>::builder(&bus, "versions", LONG)
            .refresh_ahead(Duration::from_millis(3_599_999), load)
            .load_lock(Duration::from_millis(5));
        let cache = if memory {
            cache.memory(LONG, 100)
        } else {
            cache
        };
        let cache = cache.evict_on(&texts, evict).build().unwrap();
        let floor = Arc::<Database>::default();
        // Called after the cache, because it has subscribed later.
        let after = texts.subscribe_inline({
            let floor = Arc::clone(&floor);
            move |event| {
                if let TextEvent::Texts { keys } = event
                    && let [key, version, _] = &keys[..]
                {
                    floor.raise(number(key), version.parse().unwrap());
                }
            }
        });
        bus.ready().await.unwrap();
        Self {
            texts,
            cache,
            memory,
            floor,
            _after: after,
        }
    }

    /// Whether every way to a value was taken often. Otherwise the test would prove nothing.
    fn has_seen_enough(&self) -> bool {
        let stats = self.cache.stats();
        let from_memory = self.memory.then_some(stats.memory_hits);
        let taken = [stats.redis_hits, stats.loads, stats.refused].into_iter();
        taken.chain(from_memory).all(|times| times > 10)
    }
}

impl Database {
    fn raise(&self, key: usize, version: u64) {
        self.0[key].fetch_max(version, Ordering::SeqCst);
    }

    fn version(&self, key: usize) -> u64 {
        self.0[key].load(Ordering::SeqCst)
    }
}

/// The events carry key, version, and how to evict the key.
fn evict(event: &TextEvent) -> Evict<String> {
    let TextEvent::Texts { keys } = event else {
        return Evict::All;
    };
    match &keys[2][..] {
        "key" => Evict::key(&keys[0]),
        "prefix" => Evict::prefix(&keys[0]),
        _ => Evict::All,
    }
}

fn number(key: &str) -> usize {
    key.parse().unwrap()
}

fn random(below: usize) -> usize {
    let random = RandomState::new().hash_one(0) % u64::try_from(below).unwrap();
    usize::try_from(random).unwrap()
}

async fn linger() {
    for _ in 0..random(4) {
        yield_now().await;
    }
    if random(3) == 0 {
        tokio::time::sleep(Duration::from_millis(random(3) as u64)).await;
    }
}

/// Changes a key, and publishes the change in one of several ways.
async fn change(place: &Place, instance: &Instance, database: &Database) {
    let key = random(KEYS);
    let version = database.0[key].fetch_add(1, Ordering::SeqCst) + 1;
    let way = ["key", "key", "prefix", "all"][random(4)];
    let keys = vec![key.to_string(), version.to_string(), way.to_owned()];
    let event = TextEvent::Texts { keys };
    if random(4) == 0 {
        let payload = String::from_utf8(event.encode().unwrap()).unwrap();
        place.try_publish(&payload).await;
    } else if instance.texts.publish(&event).await.is_ok() {
        instance.floor.raise(key, version);
    }
}

async fn load(database: Arc<Database>, key: usize) -> Result<u64, Infallible> {
    let version = database.version(key);
    linger().await;
    Ok(version)
}

/// Reads a key; returns whether the value is older than the instance may read.
async fn read(instance: &Instance, database: &Arc<Database>) -> bool {
    let key = random(KEYS);
    let floor = instance.floor.version(key);
    let name = key.to_string();
    let version = if random(5) == 0 {
        // The entry may be missing, and Redis may be down.
        let version = instance.cache.get(&name).await.ok().flatten();
        version.unwrap_or(u64::MAX)
    } else {
        let load = || load(Arc::clone(database), key);
        let load = instance.cache.try_get_or_load(&name, load);
        match timeout(Duration::from_millis(random(20) as u64 + 1), load).await {
            Ok(version) => version.unwrap(),
            // The caller has given up.
            Err(_) => u64::MAX,
        }
    };
    version < floor
}

/// The number of readers on each instance.
const READERS: usize = 4;

/// Breaks connections and empties the server, as long as the test goes on.
async fn make_trouble(admin: Admin) {
    loop {
        match random(3) {
            0 => drop(admin.kill_clients("pubsub").await),
            1 => drop(admin.kill_clients("normal").await),
            _ => admin.run::<()>(&["FLUSHALL"]).await,
        }
        tokio::time::sleep(Duration::from_millis(random(200) as u64)).await;
    }
}

async fn run(place: Place, reads: usize, trouble: bool) {
    let place = Arc::new(place);
    let database = Arc::<Database>::default();
    let mut instances = Vec::new();
    for memory in [true, true, false] {
        instances.push(Arc::new(Instance::new(&place, memory, &database).await));
    }
    let stale = Arc::new(AtomicUsize::new(0));
    let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
    if let (Place::Redis(server, _), true) = (&*place, trouble) {
        writers.spawn(make_trouble(server.admin().await));
    }
    for instance in &instances {
        writers.spawn({
            let (instance, place) = (Arc::clone(instance), Arc::clone(&place));
            let database = Arc::clone(&database);
            async move {
                loop {
                    change(&place, &instance, &database).await;
                    // Long enough for some reads to find an entry.
                    tokio::time::sleep(Duration::from_millis(random(10) as u64)).await;
                }
            }
        });
        for _ in 0..READERS {
            let (instance, database) = (Arc::clone(instance), Arc::clone(&database));
            let stale = Arc::clone(&stale);
            readers.spawn(async move {
                let mut number = 0;
                while number < reads || !instance.has_seen_enough() {
                    if read(&instance, &database).await {
                        stale.fetch_add(1, Ordering::Relaxed);
                    }
                    // Reads from memory would be done before anything has changed.
                    linger().await;
                    number += 1;
                }
            });
        }
    }
    let all_stats = || {
        let stats = |instance: &Arc<Instance>| (instance.texts.health(), instance.cache.stats());
        instances.iter().map(stats).collect::<Vec<_>>()
    };
    let read = async {
        while let Some(ended) = readers.join_next().await {
            ended.unwrap();
        }
    };
    if timeout(DEADLINE, read).await.is_err() {
        let (left, stats) = (readers.len(), all_stats());
        panic!("{left} readers are not done within {DEADLINE:?}: {stats:#?}");
    }
    writers.shutdown().await;
    let changes: u64 = (0..KEYS).map(|key| database.version(key)).sum();
    let stats = all_stats();
    let stale = stale.load(Ordering::Relaxed);
    println!("{stale} stale reads, at {changes} changes; {stats:#?}");
    assert_eq!(stale, 0);
    // With fewer changes the test would prove nothing.
    assert!(changes > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_process() {
    run(Place::in_process(), 1_500, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis() {
    run(Place::redis().await, 600, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_in_trouble() {
    run(Place::redis().await, 600, true).await;
}
