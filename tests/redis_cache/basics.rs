//! One level, no events.

use std::io;
use std::time::Duration;

use cache_runtime::RedisCache;
use cache_runtime::redis::LoadError;
use cache_runtime::redis::WhileDown;
use support::eventually;

use crate::fixture::{LONG, Place, SHORT, builder, in_both_places, lasting, never, text};

async fn an_entry_that_one_instance_loads_is_there_for_all(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).build().unwrap();
    let there = builder(&there).build().unwrap();
    assert_eq!(here.get("a").await.unwrap(), None);
    assert_eq!(here.try_get_or_load("a", || text("A")).await.unwrap(), "A");
    assert_eq!(here.try_get_or_load("a", never).await.unwrap(), "A");
    assert_eq!(there.try_get_or_load("a", never).await.unwrap(), "A");
    assert_eq!(there.get("a").await.unwrap().as_deref(), Some("A"));
    assert_eq!(there.get("b").await.unwrap(), None);

    let stats = here.stats();
    assert_eq!((stats.redis_hits, stats.misses), (1, 2), "{stats:?}");
    assert_eq!((stats.loads, stats.stored), (1, 1), "{stats:?}");
    assert_eq!(there.stats().redis_hits, 2);
    assert_eq!(here.name(), "texts");
}

async fn entries_are_stored_with_their_ttl_in_the_shape_that_is_documented(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus)
        .ttl_by(|text| Duration::from_secs(text.len() as u64 * 100))
        .build()
        .unwrap();
    cache.try_get_or_load("k", || text("ab")).await.unwrap();
    assert_eq!(place.stored("texts:k").await.unwrap(), br#""ab""#);
    let ttl = place.ttl("texts:k").await;
    assert!(
        ttl <= Duration::from_secs(200) && ttl > Duration::from_secs(100),
        "{ttl:?}"
    );
    // The shorter TTL counts: that of the builder, or that of `ttl_by`.
    cache.insert("k", "x".repeat(100)).await.unwrap();
    let ttl = place.ttl("texts:k").await;
    assert!(ttl <= LONG && ttl > LONG / 2, "{ttl:?}");
    // With a TTL of zero nothing is stored, and the old entry is removed.
    cache.insert("k", String::new()).await.unwrap();
    assert_eq!(place.stored("texts:k").await, None);
    assert_eq!(cache.try_get_or_load("k", || text("")).await.unwrap(), "");
    assert_eq!(place.stored("texts:k").await, None);
}

async fn entries_expire(place: &Place) {
    let bus = place.instance().await;
    let cache = lasting(&bus, SHORT).build().unwrap();
    cache.try_get_or_load("a", || text("old")).await.unwrap();
    let get = async || cache.get("a").await.unwrap();
    eventually("the entry to expire", get, Option::is_none).await;
    assert_eq!(
        cache.try_get_or_load("a", || text("new")).await.unwrap(),
        "new"
    );
}

async fn values_are_set_and_removed(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).build().unwrap();
    let there = builder(&there).build().unwrap();
    here.insert("a", "one".to_owned()).await.unwrap();
    assert!(there.contains("a").await.unwrap());
    assert_eq!(there.try_get_or_load("a", never).await.unwrap(), "one");
    there.insert("a", "two".to_owned()).await.unwrap();
    assert_eq!(here.get("a").await.unwrap().as_deref(), Some("two"));
    here.remove("a").await.unwrap();
    assert_eq!(there.get("a").await.unwrap(), None);
    assert!(!there.contains("a").await.unwrap());
    here.remove("a").await.unwrap();
}

async fn a_loader_that_cannot_fail_returns_a_value(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).build().unwrap();
    let load = || async { "A".to_owned() };
    assert_eq!(cache.get_or_load("a", load).await.unwrap(), "A");
    let load = || async { panic!("loaded what is cached") };
    assert_eq!(cache.get_or_load("a", load).await.unwrap(), "A");
}

async fn an_error_of_the_load_is_returned_and_nothing_is_stored(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).while_down(WhileDown::Fail).build().unwrap();
    let failing = || async { Err(io::Error::other("the provider is down")) };
    let error = cache.try_get_or_load("a", failing).await.unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "the loader failed: the provider is down"
    );
    assert!(matches!(error, LoadError::Load(_)));
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert_eq!(cache.stats().failed_loads, 1);
    assert_eq!(cache.try_get_or_load("a", || text("A")).await.unwrap(), "A");
}

async fn keys_may_be_anything(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).build().unwrap();
    let keys = [
        "", " ", ":", "v:a", "t:a", "g", "a\r\nb", "a\0b", "*", "[a]", "\u{fc}", "{a}", "a}b",
        "{}", "a{",
    ];
    for key in keys {
        cache.insert(key, format!("value of {key}")).await.unwrap();
    }
    for key in keys {
        let value = cache.try_get_or_load(key, never).await.unwrap();
        assert_eq!(value, format!("value of {key}"));
    }
}

async fn caches_of_other_names_have_other_entries(place: &Place) {
    let bus = place.instance().await;
    let build = |name: &str| {
        RedisCache::<u32>::builder(&bus, name, LONG)
            .build()
            .unwrap()
    };
    let names = ["a", "a.v", "a-v", "v", "a_"];
    for (number, name) in (0..).zip(names) {
        build(name).insert("v", number).await.unwrap();
    }
    for (number, name) in (0..).zip(names) {
        assert_eq!(build(name).get("v").await.unwrap(), Some(number), "{name}");
    }
}

in_both_places!(
    an_entry_that_one_instance_loads_is_there_for_all,
    entries_are_stored_with_their_ttl_in_the_shape_that_is_documented,
    entries_expire,
    values_are_set_and_removed,
    a_loader_that_cannot_fail_returns_a_value,
    an_error_of_the_load_is_returned_and_nothing_is_stored,
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
    prod.insert("a", "A".to_owned()).await.unwrap();
    assert_eq!(test.get("a").await.unwrap(), None);
    let keys: Vec<String> = server.admin().await.run(&["KEYS", "*"]).await;
    assert_eq!(keys, ["prod:texts:a"]);
}

#[tokio::test]
async fn unusable_settings_are_named() {
    let bus = cache_runtime::Bus::in_process();
    let load = async |_: String| text("A").await;
    let cases = [
        (
            RedisCache::<u8>::builder(&bus, "", LONG).build().err(),
            "name \"\"",
        ),
        (
            RedisCache::<u8>::builder(&bus, "a::b", LONG).build().err(),
            "name \"a::b\"",
        ),
        (
            RedisCache::<u8>::builder(&bus, "cache-runtime:b", LONG)
                .build()
                .err(),
            "are the library's own",
        ),
        (
            RedisCache::<u8>::builder(&bus, "ä", LONG).build().err(),
            "name \"ä\"",
        ),
        (lasting(&bus, Duration::ZERO).build().err(), "TTL of 0ns"),
        (lasting(&bus, Duration::MAX).build().err(), "at most a year"),
        (
            builder(&bus).lock_ttl(Duration::ZERO).build().err(),
            "lock_ttl of 0ns",
        ),
        (
            builder(&bus).load_lock(Duration::MAX).build().err(),
            "load_lock of",
        ),
        (
            builder(&bus)
                .negative_ttl("gone", Duration::ZERO)
                .build()
                .err(),
            "negative_ttl for \"gone\"",
        ),
        (
            builder(&bus).refresh_ahead(LONG, load).build().err(),
            "refresh_ahead of 3600s",
        ),
        (
            builder(&bus)
                .refresh_ahead(Duration::ZERO, load)
                .build()
                .err(),
            "refresh_ahead of 0ns",
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
