//! One level, no events.

use std::io;
use std::time::Duration;

use cache_runtime::RedisCache;
use cache_runtime::redis::FetchError;
use cache_runtime::redis::RedisAway;
use support::eventually;

use crate::fixture::{LONG, Place, SHORT, builder, in_both_places, never, text, untimed};

async fn what_one_instance_fetches_all_have(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).build().unwrap();
    let there = builder(&there).build().unwrap();
    assert_eq!(here.get("a").await.unwrap(), None);
    assert_eq!(here.get_or_fetch("a", || text("A")).await.unwrap(), "A");
    assert_eq!(here.get_or_fetch("a", never).await.unwrap(), "A");
    assert_eq!(there.get_or_fetch("a", never).await.unwrap(), "A");
    assert_eq!(there.get("a").await.unwrap().as_deref(), Some("A"));
    assert_eq!(there.get("b").await.unwrap(), None);

    let stats = here.stats();
    assert_eq!((stats.redis_hits, stats.misses), (1, 2), "{stats:?}");
    assert_eq!((stats.fetches, stats.stored), (1, 1), "{stats:?}");
    assert_eq!(there.stats().redis_hits, 2);
    assert_eq!(here.name(), "texts");
}

async fn entries_are_stored_with_their_ttl_in_the_shape_that_is_documented(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus)
        .ttl_by(|text| Duration::from_secs(text.len() as u64 * 100))
        .build()
        .unwrap();
    cache.get_or_fetch("k", || text("ab")).await.unwrap();
    assert_eq!(place.stored("texts:v:k").await.unwrap(), br#"+"ab""#);
    let ttl = place.ttl("texts:v:k").await;
    assert!(
        ttl <= Duration::from_secs(200) && ttl > Duration::from_secs(100),
        "{ttl:?}"
    );
    // The shorter of the two counts.
    cache.set("k", &"x".repeat(100)).await.unwrap();
    let ttl = place.ttl("texts:v:k").await;
    assert!(ttl <= LONG && ttl > LONG / 2, "{ttl:?}");
    // Of no time at all nothing is stored, and nothing stays.
    cache.set("k", &String::new()).await.unwrap();
    assert_eq!(place.stored("texts:v:k").await, None);
    assert_eq!(cache.get_or_fetch("k", || text("")).await.unwrap(), "");
    assert_eq!(place.stored("texts:v:k").await, None);
}

async fn entries_expire(place: &Place) {
    let bus = place.instance().await;
    let cache = untimed(&bus).ttl(SHORT).build().unwrap();
    cache.get_or_fetch("a", || text("old")).await.unwrap();
    let get = async || cache.get("a").await.unwrap();
    eventually("the entry to expire", get, Option::is_none).await;
    assert_eq!(
        cache.get_or_fetch("a", || text("new")).await.unwrap(),
        "new"
    );
}

async fn values_are_set_and_removed(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).build().unwrap();
    let there = builder(&there).build().unwrap();
    here.set("a", &"one".to_owned()).await.unwrap();
    assert_eq!(there.get_or_fetch("a", never).await.unwrap(), "one");
    there.set("a", &"two".to_owned()).await.unwrap();
    assert_eq!(here.get("a").await.unwrap().as_deref(), Some("two"));
    here.remove("a").await.unwrap();
    assert_eq!(there.get("a").await.unwrap(), None);
    here.remove("a").await.unwrap();
}

async fn an_error_of_the_fetch_is_returned_and_nothing_is_stored(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus)
        .when_redis_is_away(RedisAway::Fail)
        .build()
        .unwrap();
    let failing = || async { Err(io::Error::other("the provider is down")) };
    let error = cache.get_or_fetch("a", failing).await.unwrap_err();
    assert_eq!(error.to_string(), "the provider is down");
    assert!(matches!(error, FetchError::Fetch(_)));
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert_eq!(cache.stats().failed_fetches, 1);
    assert_eq!(cache.get_or_fetch("a", || text("A")).await.unwrap(), "A");
}

async fn keys_may_be_anything(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).build().unwrap();
    let keys = [
        "", " ", ":", "v:a", "t:a", "g", "a\r\nb", "a\0b", "*", "[a]", "\u{fc}", "{a}",
    ];
    for key in keys {
        cache.set(key, &format!("value of {key}")).await.unwrap();
    }
    for key in keys {
        let value = cache.get_or_fetch(key, never).await.unwrap();
        assert_eq!(value, format!("value of {key}"));
    }
}

async fn caches_of_other_names_have_other_entries(place: &Place) {
    let bus = place.instance().await;
    let build = |name: &str| {
        RedisCache::<u32>::builder(&bus, name)
            .ttl(LONG)
            .build()
            .unwrap()
    };
    let names = ["a", "a.v", "a-v", "v", "a_"];
    for (number, name) in (0..).zip(names) {
        build(name).set("v", &number).await.unwrap();
    }
    for (number, name) in (0..).zip(names) {
        assert_eq!(build(name).get("v").await.unwrap(), Some(number), "{name}");
    }
}

in_both_places!(
    what_one_instance_fetches_all_have,
    entries_are_stored_with_their_ttl_in_the_shape_that_is_documented,
    entries_expire,
    values_are_set_and_removed,
    an_error_of_the_fetch_is_returned_and_nothing_is_stored,
    keys_may_be_anything,
    caches_of_other_names_have_other_entries,
);

#[tokio::test]
async fn namespaces_keep_entries_apart() {
    let server = support::Server::start().await;
    let url = server.url();
    let bus = async |namespace: &str| {
        let bus = cache_runtime::Bus::redis(&url).namespace(namespace);
        bus.connect().await.unwrap()
    };
    let (prod, test) = (bus("prod").await, bus("test").await);
    let prod = builder(&prod).build().unwrap();
    let test = builder(&test).build().unwrap();
    prod.set("a", &"A".to_owned()).await.unwrap();
    assert_eq!(test.get("a").await.unwrap(), None);
    let keys: Vec<String> = server.admin().await.run(&["KEYS", "*"]).await;
    assert_eq!(keys, ["prod:texts:v:a"]);
}

#[tokio::test]
async fn unusable_settings_are_named() {
    let bus = cache_runtime::Bus::in_process();
    let cases = [
        (
            RedisCache::<u8>::builder(&bus, "").ttl(LONG).build().err(),
            "name \"\"",
        ),
        (
            RedisCache::<u8>::builder(&bus, "a:b")
                .ttl(LONG)
                .build()
                .err(),
            "name \"a:b\"",
        ),
        (
            RedisCache::<u8>::builder(&bus, "ä").ttl(LONG).build().err(),
            "name \"ä\"",
        ),
        (
            untimed(&bus).ttl(Duration::ZERO).build().err(),
            "TTL of 0ns",
        ),
        (
            untimed(&bus).ttl(Duration::MAX).build().err(),
            "at most a year",
        ),
        (
            builder(&bus).lock_ttl(Duration::ZERO).build().err(),
            "fetch lock's TTL of 0ns",
        ),
        (
            builder(&bus).fetch_lock(Duration::MAX).build().err(),
            "wait for a fetch",
        ),
        (
            builder(&bus)
                .negative_ttl("gone", Duration::ZERO)
                .build()
                .err(),
            "negative TTL \"gone\"",
        ),
        (
            builder(&bus).refresh_ahead(LONG).build().err(),
            "refresh 3600s ahead",
        ),
        (
            builder(&bus).refresh_ahead(Duration::ZERO).build().err(),
            "refresh 0ns ahead",
        ),
        (
            builder(&bus).max_value_bytes(0).build().err(),
            "max_value_bytes of 0",
        ),
        (
            builder(&bus).memory(LONG, 0).build().err(),
            "max_entries of 0",
        ),
        (
            builder(&bus).memory(Duration::ZERO, 1).build().err(),
            "TTL of 0ns",
        ),
    ];
    for (error, expected) in cases {
        let error = error
            .unwrap_or_else(|| panic!("{expected}: built"))
            .to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.starts_with("cache `"), "{error}");
    }
}
