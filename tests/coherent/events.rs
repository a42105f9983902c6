//! What events evict.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_runtime::__private::publish_raw;
use cache_runtime::bus::{Cause, Health};
use cache_runtime::{Bus, CoherentCache, Evict};
use support::{Server, until};

use crate::{
    Cache, HOUR, Loader, TeamEvent, Teams, UserEvent, Users, builder, connect, evict, held, live,
};

const KEYS: [&str; 4] = ["1:a", "1:b", "2:a", "2:b"];

async fn filled(bus: &Bus) -> (Users, crate::Cache) {
    let (users, cache) = live(bus).await;
    for key in KEYS {
        Loader::default().read(&cache, key).await;
    }
    assert_eq!(held(&cache), KEYS);
    (users, cache)
}

/// The entries that remain after an event was published.
async fn left(event: UserEvent) -> Vec<String> {
    let (users, cache) = filled(&Bus::in_process()).await;
    users.publish(&event).await.unwrap();
    held(&cache)
}

#[tokio::test]
async fn a_key_several_a_prefix_a_predicate_nothing_and_everything() {
    let user_id = "1:a".to_owned();
    assert_eq!(
        left(UserEvent::User { user_id }).await,
        ["1:b", "2:a", "2:b"]
    );
    let user_ids = vec!["1:a".to_owned(), "2:b".to_owned(), "3:c".to_owned()];
    assert_eq!(left(UserEvent::Users { user_ids }).await, ["1:b", "2:a"]);
    let guild = "1".to_owned();
    assert_eq!(left(UserEvent::Guild { guild }).await, ["2:a", "2:b"]);
    let end = ":a".to_owned();
    assert_eq!(left(UserEvent::Ending { end }).await, ["1:b", "2:b"]);
    assert_eq!(left(UserEvent::Renamed).await, KEYS);
    assert_eq!(left(UserEvent::All).await, [""; 0]);
}

#[tokio::test]
async fn of_another_instance_evict_here() {
    let bus = Bus::in_process();
    let (users, cache) = filled(&bus).await;
    let arrived = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&arrived);
    // Called after the cache, because it has subscribed later.
    let _subscription = users.subscribe_inline(move |_| told.notify_one());
    let other = Users::new(&bus.another_instance());
    other.invalidate_user("1:a").await.unwrap();
    support::within("the event", arrived.notified()).await;
    assert_eq!(held(&cache), ["1:b", "2:a", "2:b"]);
}

#[tokio::test]
async fn bar_the_loads_that_began_before_them() {
    let (users, cache) = live(&Bus::in_process()).await;
    let value = cache
        .get_or_load("1:a", async || {
            users.invalidate_guild("1").await.unwrap();
            7
        })
        .await;
    assert_eq!(value, 7, "the earlier caller gets it");
    assert!(cache.is_empty(), "nobody else does");
    assert_eq!(cache.stats().overtaken_loads, 1);
}

#[tokio::test]
async fn that_concern_other_keys_bar_nothing() {
    let (users, cache) = live(&Bus::in_process()).await;
    cache
        .get_or_load("1:a", async || {
            users.invalidate_guild("2").await.unwrap();
            users.invalidate_renamed().await.unwrap();
            7
        })
        .await;
    assert_eq!(cache.get("1:a"), Some(7));
}

#[tokio::test]
async fn of_several_services_evict_from_one_cache() {
    let server = Server::start().await;
    // Redis 6.2 ends no subscriptions of a user that had access to all channels.
    let rules = ["ACL", "SETUSER", "default", "resetchannels", "&*:*"];
    server.admin().await.run::<()>(&rules).await;
    let bus = connect(&server.url()).await;
    let (users, teams) = (Users::new(&bus), Teams::new(&bus));
    let cache = builder(&users)
        .evict_on(&teams, |event| match event {
            TeamEvent::Members { user_ids } => Evict::keys(user_ids),
            TeamEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    assert_eq!(cache.health(), Health::Live);
    for key in KEYS {
        Loader::default().read(&cache, key).await;
    }
    users.invalidate_user("1:a").await.unwrap();
    teams
        .invalidate_members(vec!["2:b".to_owned()])
        .await
        .unwrap();
    assert_eq!(held(&cache), ["1:b", "2:a"]);

    // The cache is not live if one of its channels is not live.
    let rules = [
        "ACL",
        "SETUSER",
        "default",
        "resetchannels",
        "&cache-runtime:*",
    ];
    let channel = format!("&{}", users.channel());
    let rules = [&rules[..], &[&channel]].concat();
    server.admin().await.run::<()>(&rules).await;
    let refused = |health: &Health| matches!(health, Health::Down(Cause::Refused(_)));
    let mut health = teams.watch_health();
    until("one to be down", &mut health, refused).await;
    let mut health = users.watch_health();
    until("the other to be live", &mut health, Health::is_live).await;
    assert!(!cache.health().is_live());
    assert_eq!(cache.get("1:b"), None);
    assert!(held(&cache).is_empty());
}

#[tokio::test]
async fn that_nobody_understands_evict_everything() {
    let bus = Bus::in_process();
    let (users, cache) = filled(&bus).await;
    let arrived = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&arrived);
    let _subscription = users.subscribe_inline(move |_| told.notify_one());
    publish_raw(&bus, users.channel(), br#"{"type":"newer"}"#)
        .await
        .unwrap();
    support::within("the event", arrived.notified()).await;
    assert!(held(&cache).is_empty());
    // It costs no more than that, however many follow.
    for _ in 0..3 {
        assert!(cache.health().is_live());
        // While the caches are told of the message before, nothing is stored.
        let loaded = async || {
            cache.get_or_load("1:a", || async { 1 }).await;
            cache.get("1:a")
        };
        support::eventually("the value to be stored", loaded, Option::is_some).await;
        publish_raw(&bus, users.channel(), br#"{"type":"newer"}"#)
            .await
            .unwrap();
        let held = async || held(&cache);
        support::eventually("the message to evict", held, Vec::is_empty).await;
    }
}

/// Asserts that the cache stores again. An event that comes back from the bus may evict once more.
async fn goes_on(cache: &Cache, key: &str) {
    let loader = Loader::default();
    let stored = async || {
        loader.read(cache, key).await;
        cache.get(key)
    };
    support::eventually("it to go on", stored, Option::is_some).await;
}

#[tokio::test]
async fn that_make_the_closure_panic_evict_everything() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let panics = Arc::new(AtomicBool::new(false));
    let panicking = Arc::clone(&panics);
    let cache = CoherentCache::<String, u64>::builder("users", HOUR)
        .evict_on(&users, move |event| {
            assert!(!panicking.load(Ordering::SeqCst), "as the test wants it");
            evict(event)
        })
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    for key in KEYS {
        Loader::default().read(&cache, key).await;
    }
    let token = cache.begin_load("3:c");
    panics.store(true, Ordering::SeqCst);
    users.invalidate_user("1:a").await.unwrap();
    assert!(held(&cache).is_empty());
    assert!(token.store(1).is_err(), "loads are barred too");
    // When it is published, and when it is received.
    let panicked = async || users.stats().panics;
    support::eventually("both to panic", panicked, |panics| *panics == 2).await;

    panics.store(false, Ordering::SeqCst);
    goes_on(&cache, "1:a").await;
}

/// Also where a catch-all arm of the closure takes it for an event that evicts nothing.
#[tokio::test]
async fn that_everything_is_stale_evict_everything() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = CoherentCache::<String, u64>::builder("users", HOUR)
        .evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(user_id),
            _ => Evict::Nothing,
        })
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    for key in KEYS {
        Loader::default().read(&cache, key).await;
    }
    users.invalidate_renamed().await.unwrap();
    assert_eq!(held(&cache), KEYS);
    users.invalidate_all().await.unwrap();
    assert!(held(&cache).is_empty());
}

#[tokio::test]
async fn whose_predicate_panics_evict_everything() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = CoherentCache::<String, u64>::builder("users", HOUR)
        .evict_on(&users, |_event| {
            Evict::matching(|key: &String| {
                assert_ne!(key, "1:b", "as the test wants it");
                false
            })
        })
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    for key in KEYS {
        Loader::default().read(&cache, key).await;
    }
    users.invalidate_renamed().await.unwrap();
    assert!(held(&cache).is_empty());
    goes_on(&cache, "1:b").await;
}
