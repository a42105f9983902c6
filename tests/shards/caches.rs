//! Caches in a cluster: keys on all shards.

use std::time::Duration;

use cache_runtime::cooldown::Start;
use cache_runtime::dedup::Reservation;
use cache_runtime::{
    Dedup, Evict, InvalidationEvent, RedisCache, RedisCooldown, cache_invalidation,
};
use support::{RedisCluster, eventually};

use crate::fixture::{Users, connect, evict};

const LONG: Duration = Duration::from_secs(3600);
const KEYS: u64 = 60;

#[derive(Debug, InvalidationEvent)]
enum MemberEvent {
    Member { guild: u64, user: u64 },
    Guild { guild: u64 },
    All,
}

#[cache_invalidation(channel = "cache:members", event = MemberEvent)]
struct Members;

/// The entries of a group are on one node, whatever their keys.
#[tokio::test]
async fn a_group_is_evicted_by_one_command() {
    const GUILDS: u64 = 12;
    let cluster = RedisCluster::start().await;
    let (here, there) = (connect(&cluster.url()).await, connect(&cluster.url()).await);
    let services = [&here, &there].map(Members::new);
    let [cache, cache_there] =
        [(&here, &services[0]), (&there, &services[1])].map(|(bus, members)| {
            let cache = RedisCache::<u64>::builder(bus, "members", LONG)
                .group_by(|key| Some(key.split_once(':')?.0.to_owned()))
                .evict_on(members, |event| match event {
                    MemberEvent::Member { guild, user } => Evict::key(format!("{guild}:{user}")),
                    MemberEvent::Guild { guild } => Evict::tag(guild),
                    MemberEvent::All => Evict::All,
                });
            cache.build().unwrap()
        });
    here.ready().await.unwrap();
    there.ready().await.unwrap();
    let keys = |guild: u64| (0..5).map(move |user| format!("{guild}:{user}"));
    for guild in 0..GUILDS {
        for key in keys(guild) {
            cache.get_or_load(&key, || async { guild }).await.unwrap();
            assert_eq!(cache_there.get(&key).await.unwrap(), Some(guild));
        }
    }
    let deletions = async || {
        let mut all = 0;
        for node in 0..3 {
            all += cluster.node(node).admin().await.calls("del").await;
        }
        all
    };
    let before = deletions().await;
    // The other instance deletes too, when it receives the event.
    let received = services[1].stats().received;
    services[0].invalidate_guild(7_u64).await.unwrap();
    for key in keys(7) {
        assert_eq!(cache_there.get(&key).await.unwrap(), None, "{key}");
        assert_eq!(cache.get(&key).await.unwrap(), None, "{key}");
    }
    let now = async || services[1].stats().received;
    eventually("the event to arrive", now, |now| *now > received).await;
    let deleted = async || deletions().await - before;
    eventually("both deletions", deleted, |deleted| *deleted == 2).await;
    services[0].invalidate_member(8_u64, 3_u64).await.unwrap();
    for guild in (0..GUILDS).filter(|guild| *guild != 7) {
        for key in keys(guild) {
            let expected = (key != "8:3").then_some(guild);
            assert_eq!(cache_there.get(&key).await.unwrap(), expected, "{key}");
        }
    }
    services[1].invalidate_all().await.unwrap();
    for key in (0..GUILDS).flat_map(keys) {
        assert_eq!(cache.get(&key).await.unwrap(), None, "{key}");
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
    let cooldown = RedisCooldown::builder(&here, "notified", LONG).build();
    let cooldown = cooldown.unwrap();
    let cooldown_there = RedisCooldown::builder(&there, "notified", LONG).build();
    let cooldown_there = cooldown_there.unwrap();
    for key in 0..KEYS {
        let name = key.to_string();
        assert_eq!(cooldown.try_start(&name).await.unwrap(), Start::Started);
        let again = cooldown_there.try_start(&name).await.unwrap();
        assert!(matches!(again, Start::Remaining(_)));
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

/// Each node is asked for its keys, and what has moved is found where it is.
#[tokio::test]
async fn several_keys_at_a_time_are_on_all_shards() {
    let cluster = RedisCluster::start().await;
    let (here, there) = (connect(&cluster.url()).await, connect(&cluster.url()).await);
    let (users, users_there) = (Users::new(&here), Users::new(&there));
    let plain = |bus| RedisCache::<u64>::builder(bus, "plain", LONG).load_lock(LONG);
    let (plain, plain_there) = (plain(&here).build(), plain(&there).build());
    let (plain, plain_there) = (plain.unwrap(), plain_there.unwrap());
    let coherent = |bus, users| {
        let cache = RedisCache::<u64>::builder(bus, "coherent", LONG).evict_on(users, evict);
        cache.build().unwrap()
    };
    let (cache, cache_there) = (coherent(&here, &users), coherent(&there, &users_there));
    here.ready().await.unwrap();
    there.ready().await.unwrap();

    let names: Vec<_> = (0..KEYS).map(|key| key.to_string()).collect();
    let load = async |names: Vec<String>| {
        let value = |name: String| (name.clone(), name.parse().unwrap());
        names.into_iter().map(value).collect::<Vec<(String, u64)>>()
    };
    let never = async |names: Vec<String>| -> [(String, u64); 0] { panic!("{names:?}") };
    let all = plain.get_many_or_load(&names, load).await.unwrap();
    assert_eq!(all.len(), names.len());
    assert_eq!(
        plain_there.get_many_or_load(&names, never).await.unwrap(),
        all
    );
    assert_eq!(cache.get_many_or_load(&names, load).await.unwrap(), all);
    assert_eq!(
        cache_there.get_many_or_load(&names, never).await.unwrap(),
        all
    );
    assert_eq!((plain.stats().stored, cache.stats().stored), (KEYS, KEYS));

    users.invalidate_item(7).await.unwrap();
    let seventh = async |names: Vec<String>| {
        assert_eq!(names, ["7"]);
        load(names).await
    };
    assert_eq!(
        cache_there.get_many_or_load(&names, seventh).await.unwrap(),
        all
    );

    let slot = cluster.key_slot("plain:3").await;
    let from = RedisCluster::shard(slot);
    cluster
        .migrate(slot, from, (from + 1) % 3, async || ())
        .await;
    assert_eq!(plain.get_many_or_load(&names, never).await.unwrap(), all);
}
