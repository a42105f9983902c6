//! Settings that are refused, with their errors, and settings that are applied.

use std::time::Duration;

use cache_runtime::{Bus, CoherentCache, ManualClock, TtlCache, ttl};

use crate::{CacheBuilder, HOUR, Loader, Users, builder, evict};

/// The text of the error, without its fixed beginning.
fn refused(set: impl FnOnce(CacheBuilder) -> CacheBuilder) -> String {
    let users = Users::new(&Bus::in_process());
    let error = set(builder(&users)).build().unwrap_err();
    assert_eq!(error.cache(), "users");
    let text = error.to_string();
    let what = text.strip_prefix("cache `users` cannot be built: ");
    what.expect("it names the cache").to_owned()
}

#[tokio::test]
async fn are_refused_with_what_was_expected() {
    let day = Duration::from_secs(24 * 60 * 60);
    for (ttl, found) in [(Duration::ZERO, "0ns"), (367 * day, "31708800s")] {
        let users = Users::new(&Bus::in_process());
        let builder = CoherentCache::<String, u64>::builder("users", ttl);
        let error = builder.evict_on(&users, evict).build().unwrap_err();
        let expected = format!("TTL of {found}: expected at least 1 ms and at most a year");
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
    assert_eq!(
        refused(|b| b.max_entries(0)),
        "max_entries of 0: expected 1 to 2147483648"
    );
    assert_eq!(
        refused(|b| b.max_entries(usize::MAX)),
        "max_entries of 18446744073709551615: expected 1 to 2147483648"
    );
    assert_eq!(
        refused(|b| b.max_weight(0, |_, _| 1)),
        "max_weight of 0: expected at least 1"
    );
    for jitter in [1.0, -0.1, f64::NAN] {
        let expected = format!(
            "ttl_jitter of {jitter}: expected at least 0.0 and less than 1.0, as a part of the TTL"
        );
        assert_eq!(refused(|b| b.ttl_jitter(jitter)), expected);
    }
    assert_eq!(
        refused(|b| b.max_concurrent_loads(0)),
        "max_concurrent_loads of 0: expected at least 1"
    );
    assert_eq!(
        refused(|b| b.stale_on_error(367 * day)),
        "stale_on_error of 31708800s: expected at most a year"
    );
}

#[tokio::test]
async fn a_name_must_be_there_and_visible() {
    let users = Users::new(&Bus::in_process());
    for name in ["", "line\nbreak", "\u{7f}"] {
        let builder = CoherentCache::<String, u64>::builder(name, HOUR);
        let error = builder.evict_on(&users, evict).build().unwrap_err();
        let expected =
            format!("name {name:?}: expected at least one character, and none that is invisible");
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
    let cache = builder(&users).build().unwrap();
    assert_eq!(cache.name(), "users");
}

/// A cache that is refused has not subscribed, so that nothing is left behind.
#[tokio::test]
async fn a_cache_that_is_refused_subscribes_to_nothing() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    assert!(builder(&users).max_entries(0).build().is_err());
    assert_eq!(bus.health(), cache_runtime::bus::Health::Idle);
    assert_eq!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks(),
        0
    );
}

#[tokio::test]
async fn ttls_of_their_own_and_negative_ones_are_heeded() {
    let (bus, clock) = (Bus::in_process(), ManualClock::new());
    let users = Users::new(&bus);
    let cache = CoherentCache::<String, Option<u64>>::builder("users", Duration::from_secs(60))
        .evict_on(&users, evict)
        .negative_ttl(Duration::from_secs(5))
        .ttl_by(|value| Duration::from_secs(value.unwrap_or(u64::MAX)))
        .clock(&clock)
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    let load = async |key: &str, value: Option<u64>| {
        cache.get_or_load(key, || async move { value }).await;
    };
    load("absent", None).await;
    load("short", Some(10)).await;
    load("long", Some(1_000)).await;
    let cached = |seconds: u64| {
        clock.advance(Duration::from_secs(seconds));
        ["absent", "short", "long"].map(|key| cache.contains(key))
    };
    assert_eq!(cached(4), [true, true, true]);
    assert_eq!(cached(1), [false, true, true]);
    assert_eq!(cached(5), [false, false, true]);
    assert_eq!(cached(49), [false, false, true]);
    assert_eq!(
        cached(1),
        [false, false, false],
        "none lives longer than the cache's TTL"
    );
}

#[tokio::test]
async fn a_ttl_counts_from_the_beginning_of_the_load() {
    let (bus, clock) = (Bus::in_process(), ManualClock::new());
    let users = Users::new(&bus);
    let cache = builder(&users).clock(&clock).build().unwrap();
    bus.ready().await.unwrap();
    let slow = |time: Duration| {
        let clock = clock.clone();
        move || async move { clock.advance(time) }
    };
    let load = async |key: &str, time: Duration| {
        let slow = slow(time);
        cache
            .get_or_load(key, || async {
                slow().await;
                1
            })
            .await
    };
    assert_eq!(load("1", Duration::from_secs(3_599)).await, 1);
    assert_eq!(cache.get("1"), Some(1));
    clock.advance(Duration::from_secs(1));
    assert_eq!(cache.get("1"), None);
    assert_eq!(load("2", HOUR).await, 1);
    assert!(!cache.contains("2"), "it took as long as it may live");
    let token = cache.begin_load("3");
    clock.advance(HOUR);
    assert_eq!(
        token.store(1),
        Err(cache_runtime::cache::NotStored::Expired)
    );
}

#[tokio::test]
async fn bounds_are_kept() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let small = builder(&users).max_entries(10).build().unwrap();
    let light = builder(&users)
        .max_weight(100, |_, value| u32::try_from(*value).unwrap())
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    let loader = Loader::default();
    for key in 0..200 {
        loader.read(&small, &key.to_string()).await;
        assert!(small.len() <= 10);
        loader.read(&light, &key.to_string()).await;
        let weight: u64 = light.entries().iter().map(|(_, value)| value).sum();
        assert!(weight <= 100, "{weight}");
    }
    assert!(!small.is_empty());
    assert_eq!(
        light.begin_load("heavy").store(101),
        Err(cache_runtime::cache::NotStored::TooHeavy)
    );
}

#[test]
fn what_leaves_for_want_of_room_is_counted() {
    let cache = TtlCache::<u64, u64>::builder("cache", HOUR).max_entries(10);
    let cache = cache.build().unwrap();
    for key in 0..1_000 {
        cache.insert(key, key);
    }
    let stats = cache.stats();
    assert_eq!((stats.stored, stats.evictions.capacity), (1_000, 990));
    assert_eq!((cache.len(), stats.evictions.total()), (10, 990));
}

/// A bound of 1 MB holds 1 MB of keys of 100 kB, however they are stored.
#[tokio::test]
async fn bounds_count_keys() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let bytes = |key: &String, _: &u64| u32::try_from(key.len() + 8).unwrap();
    let coherent = builder(&users)
        .max_weight(1_000_000, bytes)
        .build()
        .unwrap();
    let ttl = TtlCache::builder("heavy-keys", HOUR).max_weight(1_000_000, bytes);
    let ttl = ttl.build().unwrap();
    bus.ready().await.unwrap();
    let key = |number: u64| format!("{number:>5}{}", "x".repeat(99_995));
    let inserted = |number| ttl.insert(key(number), number);
    for number in 0..500 {
        match number % 3 {
            0 => drop(coherent.begin_load(&key(number)).store(number)),
            _ => assert_eq!(
                coherent.get_or_load(&key(number), async || number).await,
                number
            ),
        }
        match number % 2 {
            0 => inserted(number),
            _ => assert_eq!(ttl.get_or_load(&key(number), async || number).await, number),
        }
    }
    let held = |keys: Vec<String>| keys.iter().map(String::len).sum::<usize>();
    let coherent = held(coherent.entries().into_iter().map(|(key, _)| key).collect());
    let ttl = held(ttl.keys());
    assert!(
        coherent <= 1_000_000 && ttl <= 1_000_000,
        "{coherent}, {ttl}"
    );
    assert!(coherent >= 900_000 && ttl >= 900_000, "{coherent}, {ttl}");
}

#[test]
fn defaults_of_a_ttl_cache_are_those_it_says() {
    let cache = TtlCache::<u64, u64>::builder("cache", HOUR)
        .build()
        .unwrap();
    for key in 0..1_000 {
        cache.insert(key, key);
    }
    assert_eq!(cache.len(), cache_runtime::defaults::TTL_CACHE_ENTRIES);
    let refused = |builder: ttl::Builder<u64, u64>| builder.build().unwrap_err().to_string();
    assert_eq!(
        refused(TtlCache::builder("suggestions", Duration::ZERO)),
        "cache `suggestions` cannot be built: TTL of 0ns: expected at least 1 ms and at most a year"
    );
}
