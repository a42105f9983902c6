//! Caches in a cluster: keys on all shards.

use std::time::Duration;

use cache_runtime::dedup::Reservation;
use cache_runtime::{CoherentCache, Dedup, Evict, RedisCache};
use support::RedisCluster;

use crate::fixture::{Event, USERS, Users, builder, connect};

const LONG: Duration = Duration::from_secs(3600);
const KEYS: u64 = 60;

fn evict(event: &Event) -> Evict<String> {
    match event {
        Event::Item { id } => Evict::key(id.to_string()),
        Event::All => Evict::All,
    }
}

#[tokio::test]
async fn every_kind_works_across_the_slots() {
    let cluster = RedisCluster::start().await;
    let (here, there) = (connect(&cluster.url()).await, connect(&cluster.url()).await);

    let dedup = Dedup::builder(&here, "requests").ttl(LONG).build().unwrap();
    let other = Dedup::builder(&there, "requests")
        .ttl(LONG)
        .build()
        .unwrap();
    let plain = RedisCache::<u64>::builder(&here, "plain", LONG)
        .build()
        .unwrap();
    let plain_there = RedisCache::<u64>::builder(&there, "plain", LONG)
        .build()
        .unwrap();
    for key in 0..KEYS {
        let name = key.to_string();
        let reserved = dedup.reserve(&name, "here").await.unwrap();
        assert_eq!(reserved, Reservation::Reserved);
        let reserved = other.reserve(&name, "there").await.unwrap();
        assert_ne!(reserved, Reservation::Reserved);
        assert_eq!(
            plain.get_or_load(&name, || async { key }).await.unwrap(),
            key
        );
        assert_eq!(plain_there.get(&name).await.unwrap(), Some(key));
    }
    assert_eq!(dedup.size().await.unwrap(), KEYS);
    plain.remove("7").await.unwrap();
    assert_eq!(plain_there.get("7").await.unwrap(), None);

    let (users, users_there) = (Users::new(&here), Users::new(&there));
    let build = |bus, users| {
        let cache = RedisCache::<u64>::builder(bus, "coherent", LONG).evict_on(users, evict);
        cache.build().unwrap()
    };
    let (cache, cache_there) = (build(&here, &users), build(&there, &users_there));
    here.ready().await.unwrap();
    there.ready().await.unwrap();
    for key in 0..KEYS {
        let name = key.to_string();
        assert_eq!(
            cache.get_or_load(&name, || async { key }).await.unwrap(),
            key
        );
        assert_eq!(cache_there.get(&name).await.unwrap(), Some(key));
    }
    let mut on_nodes = Vec::new();
    for node in 0..3 {
        let admin = cluster.node(node).admin().await;
        let keys: Vec<String> = admin.run(&["KEYS", "cache-runtime:coherent:*:g"]).await;
        on_nodes.push(keys.len());
    }
    assert!(on_nodes.iter().all(|keys| *keys > 0), "{on_nodes:?}");
    // The event of one key deletes on the key's node, and is published on the channel's.
    for key in 0..KEYS / 2 {
        users.invalidate_item(key).await.unwrap();
        assert_eq!(cache_there.get(&key.to_string()).await.unwrap(), None);
    }
    assert_eq!(cache_there.get("59").await.unwrap(), Some(59));
    users_there.invalidate_all().await.unwrap();
    for key in 0..KEYS {
        assert_eq!(cache.get(&key.to_string()).await.unwrap(), None, "{key}");
    }

    // A slot with keys moves.
    let slot = cluster.key_slot("plain:3").await;
    let (from, to) = (
        RedisCluster::shard(slot),
        (RedisCluster::shard(slot) + 1) % 3,
    );
    cluster.migrate(slot, from, to, async || ()).await;
    assert_eq!(plain.get("3").await.unwrap(), Some(3));
    assert_eq!(
        plain_there.get_or_load("3", || async { 0 }).await.unwrap(),
        3
    );
}

/// Reads of an instance are compared with what was acknowledged a lease ago.
#[tokio::test]
async fn no_read_is_old_while_slots_move() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use std::time::Instant;

    const LEASE: Duration = Duration::from_millis(600);

    let cluster = RedisCluster::start().await;
    let here = builder(&cluster.url())
        .lease(LEASE)
        .connect()
        .await
        .unwrap();
    let there = here.another_instance();
    let (users, publisher) = (Users::new(&here), Users::new(&there));
    let cache = CoherentCache::<u64, u64>::builder("users", LONG)
        .evict_on(&users, |event| match event {
            Event::Item { id } => Evict::key(*id),
            Event::All => Evict::All,
        })
        .build()
        .unwrap();
    here.ready().await.unwrap();
    let database = Arc::new(AtomicU64::new(0));
    let writer = tokio::spawn({
        let database = Arc::clone(&database);
        async move {
            let mut acknowledged = Vec::new();
            let mut failed = 0_u64;
            while database.load(SeqCst) < u64::MAX / 2 {
                let version = database.fetch_add(1, SeqCst) + 1;
                match publisher.invalidate_item(1).await {
                    Ok(_) => acknowledged.push((Instant::now(), version)),
                    Err(_) => failed += 1,
                }
                tokio::task::yield_now().await;
            }
            (acknowledged, failed)
        }
    });
    let reader = tokio::spawn({
        let (cache, database) = (cache.clone(), Arc::clone(&database));
        async move {
            let mut reads = Vec::new();
            while database.load(SeqCst) < u64::MAX / 2 {
                let begun = Instant::now();
                let load = async || database.load(SeqCst);
                reads.push((begun, cache.get_or_load(&1, load).await));
                tokio::task::yield_now().await;
            }
            reads
        }
    });
    let shard = RedisCluster::shard(USERS);
    let mut at = shard;
    let begun = Instant::now();
    for to in (1..).map(|step| (shard + step) % 3) {
        if begun.elapsed() > 4 * LEASE {
            break;
        }
        cluster.migrate(USERS, at, to, async || ()).await;
        at = to;
        // The cache serves again, and what the events let it load.
        let (written, hits) = (database.load(SeqCst), cache.stats().hits);
        let more = async || (database.load(SeqCst), cache.stats().hits);
        support::eventually("events and hits after the move", more, |(now, hit)| {
            *now > written + 1000 && *hit > hits
        })
        .await;
    }
    database.fetch_add(u64::MAX / 2, SeqCst);
    let (acknowledged, failed) = writer.await.unwrap();
    let reads = reader.await.unwrap();
    let (mut next, mut old, mut newest) = (0, 0, 0);
    for (begun, version) in &reads {
        while next < acknowledged.len() && acknowledged[next].0 + LEASE < *begun {
            newest = acknowledged[next].1;
            next += 1;
        }
        old += usize::from(*version < newest);
    }
    let stats = cache.stats();
    println!(
        "{} evictions acknowledged, {failed} failed, {} reads, {} hits, {old} old",
        acknowledged.len(),
        reads.len(),
        stats.hits,
    );
    assert_eq!(old, 0);
    assert!(stats.hits > 0 && acknowledged.len() > 100);
}
