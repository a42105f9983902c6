//! The level in memory.

use std::time::Duration;

use cache_runtime::ManualClock;
use support::eventually;

use crate::fixture::{LONG, Place, SHORT, builder, in_both_places, lasting, never, text};

const MINUTE: Duration = Duration::from_secs(60);

async fn what_is_in_memory_is_read_without_redis(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).memory(MINUTE, 10).build().unwrap();
    cache.try_get_or_load("loaded", || text("A")).await.unwrap();
    cache.insert("set", "B".to_owned()).await.unwrap();
    place.flush().await;
    assert_eq!(cache.try_get_or_load("loaded", never).await.unwrap(), "A");
    assert_eq!(cache.get("loaded").await.unwrap().as_deref(), Some("A"));
    assert_eq!(cache.get("set").await.unwrap().as_deref(), Some("B"));
    assert_eq!(cache.stats().memory_hits, 3);
    assert_eq!(cache.stats().redis_hits, 0);
}

async fn what_is_found_in_redis_is_kept_in_memory(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let there = builder(&there).build().unwrap();
    there.insert("got", "A".to_owned()).await.unwrap();
    there.insert("loaded", "B".to_owned()).await.unwrap();
    let here = builder(&here).memory(MINUTE, 10).build().unwrap();
    assert_eq!(here.get("got").await.unwrap().as_deref(), Some("A"));
    assert_eq!(here.try_get_or_load("loaded", never).await.unwrap(), "B");
    place.flush().await;
    assert_eq!(here.get("got").await.unwrap().as_deref(), Some("A"));
    assert_eq!(here.try_get_or_load("loaded", never).await.unwrap(), "B");
}

async fn memory_has_a_ttl_of_its_own(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let clock = ManualClock::new();
    let here = builder(&here)
        .memory(MINUTE, 10)
        .clock(&clock)
        .build()
        .unwrap();
    let there = builder(&there).build().unwrap();
    here.try_get_or_load("a", || text("old")).await.unwrap();
    there.insert("a", "new".to_owned()).await.unwrap();
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(here.get("a").await.unwrap().as_deref(), Some("old"));
    clock.advance(Duration::from_millis(1));
    assert_eq!(here.get("a").await.unwrap().as_deref(), Some("new"));
}

async fn memory_never_outlives_redis(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let clock = ManualClock::new();
    let there = lasting(&there, MINUTE).build().unwrap();
    let here = builder(&here)
        .memory(LONG, 10)
        .clock(&clock)
        .build()
        .unwrap();
    there.insert("a", "A".to_owned()).await.unwrap();
    // Found with a minute left, or a little less.
    assert_eq!(here.try_get_or_load("a", never).await.unwrap(), "A");
    place.flush().await;
    clock.advance(MINUTE / 2);
    assert_eq!(here.get("a").await.unwrap().as_deref(), Some("A"));
    clock.advance(MINUTE / 2);
    assert_eq!(here.get("a").await.unwrap(), None);
    // The same holds for what was loaded or inserted here.
    let own = lasting(&place.instance().await, MINUTE).memory(LONG, 10);
    let own = own.clock(&clock).build().unwrap();
    own.try_get_or_load("b", || text("B")).await.unwrap();
    own.insert("c", "C".to_owned()).await.unwrap();
    place.flush().await;
    clock.advance(MINUTE);
    assert_eq!(own.get("b").await.unwrap(), None);
    assert_eq!(own.get("c").await.unwrap(), None);
}

async fn what_is_removed_is_gone_from_both(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).memory(MINUTE, 10).build().unwrap();
    cache.insert("a", "A".to_owned()).await.unwrap();
    cache.remove("a").await.unwrap();
    assert_eq!(cache.get("a").await.unwrap(), None);
}

async fn memory_is_bounded(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus).memory(MINUTE, 2).build().unwrap();
    for key in ["a", "b", "c", "d"] {
        cache.insert(key, key.to_owned()).await.unwrap();
    }
    place.flush().await;
    let mut left = 0;
    for key in ["a", "b", "c", "d"] {
        left += usize::from(cache.get(key).await.unwrap().is_some());
    }
    assert_eq!(left, 2);
}

async fn both_levels_expire(place: &Place) {
    let bus = place.instance().await;
    let cache = lasting(&bus, SHORT).memory(LONG, 10).build().unwrap();
    cache.try_get_or_load("a", || text("A")).await.unwrap();
    let get = async || cache.get("a").await.unwrap();
    eventually("the entry to expire", get, Option::is_none).await;
}

in_both_places!(
    what_is_in_memory_is_read_without_redis,
    what_is_found_in_redis_is_kept_in_memory,
    memory_has_a_ttl_of_its_own,
    memory_never_outlives_redis,
    what_is_removed_is_gone_from_both,
    memory_is_bounded,
    both_levels_expire,
);
