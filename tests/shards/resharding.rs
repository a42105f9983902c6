//! Slots move back and forth, with channels and with keys, while events and reads go on. What each read
//! returns is compared with what was acknowledged a lease before it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_runtime::redis::Coherent;
use cache_runtime::{CoherentCache, Evict, RedisCache};
use support::{RedisCluster, eventually};
use tokio::task::{JoinHandle, yield_now};

use crate::fixture::{Event, USERS, Users, builder, evict};

const LONG: Duration = Duration::from_secs(3600);
const LEASE: Duration = Duration::from_millis(600);

/// The database: a version that grows. It is written and evicted, and read through caches.
#[derive(Clone, Default)]
struct World {
    database: Arc<AtomicU64>,
    acknowledged: Arc<AtomicU64>,
    /// In Redis.
    reads: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

/// When an eviction was acknowledged, and the version that it was for.
type Acknowledged = Vec<(Instant, u64)>;

/// When a read began, and the version that it returned.
type Reads = Vec<(Instant, u64)>;

impl World {
    fn write(&self, users: Users) -> JoinHandle<(Acknowledged, u64)> {
        let world = self.clone();
        tokio::spawn(async move {
            let (mut acknowledged, mut failed) = (Vec::new(), 0);
            while !world.is_over.load(SeqCst) {
                let version = world.database.fetch_add(1, SeqCst) + 1;
                match users.invalidate_item(1).await {
                    Ok(_) => {
                        acknowledged.push((Instant::now(), version));
                        world.acknowledged.fetch_add(1, SeqCst);
                    }
                    Err(_) => failed += 1,
                }
                // So that there is something to hit.
                let read = world.reads.load(SeqCst);
                while world.reads.load(SeqCst) < read + 5 && !world.is_over.load(SeqCst) {
                    yield_now().await;
                }
            }
            (acknowledged, failed)
        })
    }

    fn read<F>(&self, read: impl Fn(Arc<AtomicU64>) -> F + Send + 'static) -> JoinHandle<Reads>
    where
        F: Future<Output = u64> + Send,
    {
        let world = self.clone();
        tokio::spawn(async move {
            let mut reads = Vec::new();
            while !world.is_over.load(SeqCst) {
                let begun = Instant::now();
                reads.push((begun, read(Arc::clone(&world.database)).await));
                yield_now().await;
            }
            reads
        })
    }
}

fn count_old(reads: &Reads, acknowledged: &Acknowledged) -> usize {
    let (mut next, mut old, mut newest) = (0, 0, 0);
    for (begun, version) in reads {
        while next < acknowledged.len() && acknowledged[next].0 + LEASE < *begun {
            newest = acknowledged[next].1;
            next += 1;
        }
        old += usize::from(*version < newest);
    }
    old
}

/// The keys of an entry of a cache in Redis.
async fn stored(cluster: &RedisCluster, cache: &RedisCache<u64, Coherent>) -> Vec<String> {
    let stored = async || {
        cache.get_or_load("1", || async { 0 }).await.unwrap();
        let mut keys = Vec::new();
        for node in 0..3 {
            let admin = cluster.node(node).admin().await;
            let found: Vec<String> = admin.run(&["KEYS", "cache-runtime:coherent:*"]).await;
            keys.extend(found);
        }
        keys
    };
    eventually("the entry in Redis", stored, |keys| !keys.is_empty()).await
}

#[tokio::test]
async fn no_read_is_old_while_slots_with_keys_move() {
    let cluster = RedisCluster::start().await;
    let bus = builder(&cluster.url()).lease(LEASE);
    let here = bus.connect().await.unwrap();
    let there = here.another_instance();
    let users = Users::new(&here);
    let memory = CoherentCache::<u64, u64>::builder("memory", LONG)
        .evict_on(&users, |event| match event {
            Event::Item { id } => Evict::key(*id),
            Event::All => Evict::All,
        })
        .build()
        .unwrap();
    let build = |bus, users| {
        let cache = RedisCache::<u64>::builder(bus, "redis", LONG).evict_on(users, evict);
        cache.build().unwrap()
    };
    let publisher = Users::new(&there);
    // The publisher deletes in Redis, because it has the cache too.
    let (redis, _redis_there) = (build(&here, &users), build(&there, &publisher));
    here.ready().await.unwrap();
    there.ready().await.unwrap();
    let keys = stored(&cluster, &redis).await;
    let entries = cluster.key_slot(&keys[0]).await;

    let world = World::default();
    let writer = world.write(publisher);
    let in_memory = world.read({
        let memory = memory.clone();
        move |database| {
            let memory = memory.clone();
            async move {
                memory
                    .get_or_load(&1, || async { database.load(SeqCst) })
                    .await
            }
        }
    });
    let in_redis = world.read({
        let (redis, reads) = (redis.clone(), Arc::clone(&world.reads));
        move |database| {
            let (redis, reads) = (redis.clone(), Arc::clone(&reads));
            async move {
                let load = || async { database.load(SeqCst) };
                let read = redis.get_or_load("1", load).await;
                reads.fetch_add(1, SeqCst);
                read.expect("it loads without Redis")
            }
        }
    });

    let counts = || {
        (
            world.acknowledged.load(SeqCst),
            memory.stats().hits,
            redis.stats().redis_hits,
        )
    };
    let goes_on = async || {
        let before = counts();
        let more = async || counts();
        eventually("events and hits after the move", more, |now| {
            now.0 > before.0 + 50 && now.1 > before.1 + 10 && now.2 > before.2 + 10
        })
        .await;
    };
    let writes_go_on = async || {
        let written = world.database.load(SeqCst);
        let more = async || world.database.load(SeqCst);
        eventually("writes", more, |now| *now > written + 5).await;
    };
    // The slot of the channel, and that of the entry in Redis.
    goes_on().await;
    for slot in [entries, USERS] {
        let shard = RedisCluster::shard(slot);
        let next = (shard + 1) % 3;
        cluster.migrate(slot, shard, next, writes_go_on).await;
        goes_on().await;
        cluster.migrate(slot, next, shard, writes_go_on).await;
        goes_on().await;
    }
    world.is_over.store(true, SeqCst);
    let (acknowledged, failed) = writer.await.unwrap();
    let (in_memory, in_redis) = (in_memory.await.unwrap(), in_redis.await.unwrap());
    let old = [&in_memory, &in_redis].map(|reads| count_old(reads, &acknowledged));
    println!(
        "{} evictions acknowledged, {failed} failed; {} reads in memory, {} hits, {} old; {} reads in \
         Redis, {} hits, {} old",
        acknowledged.len(),
        in_memory.len(),
        memory.stats().hits,
        old[0],
        in_redis.len(),
        redis.stats().redis_hits,
        old[1],
    );
    assert_eq!(old, [0, 0]);
}
