//! The rows of an audit.

use cache_runtime::audit::{Bound, Kind, Row, State};
use cache_runtime::redis::WhileDown;
use cache_runtime::{RedisCache, audit};
use support::eventually;

use crate::coherent::evict;
use crate::fixture::{LONG, Place, Texts, in_both_places, never, text};

/// The audit's row of this name. Tests that run at the same time use other names.
fn row(name: &str) -> Option<Row> {
    audit().rows().iter().find(|row| row.name == name).cloned()
}

fn name(what: &str, place: &Place) -> String {
    match place {
        Place::InProcess(_) => format!("{what}.in-process"),
        Place::Redis(..) => format!("{what}.redis"),
    }
}

async fn a_plain_cache_is_listed(place: &Place) {
    let bus = place.instance().await;
    let name = name("audited", place);
    assert!(row(&name).is_none());
    let cache = RedisCache::<String>::builder(&bus, &*name, LONG);
    let cache = cache.while_down(WhileDown::Fail).build().unwrap();
    cache.try_get_or_load("a", || text("A")).await.unwrap();
    cache.try_get_or_load("a", never).await.unwrap();
    let found = row(&name).unwrap();
    assert_eq!(found.kind, Kind::Redis);
    assert_eq!((found.ttl, found.bound), (Some(LONG), Bound::Ttl));
    assert_eq!((found.entries, found.hits, found.misses), (None, 1, 1));
    assert_eq!(found.state, State::Live);
    assert!(found.evicted_by.is_empty());
    assert!(found.place.file.ends_with("audited.rs"));
    drop(cache);
    // An audit of another test may hold it for a moment.
    let listed = async || row(&name);
    eventually("the row to be gone", listed, Option::is_none).await;
}

async fn a_coherent_cache_is_listed_with_its_events(place: &Place) {
    let bus = place.instance().await;
    let texts = Texts::new(&bus);
    let name = name("coherent", place);
    let cache = RedisCache::<String>::builder(&bus, &*name, LONG);
    let cache = cache
        .memory(LONG, 10)
        .evict_on(&texts, evict)
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    cache.try_get_or_load("a", || text("A")).await.unwrap();
    cache.try_get_or_load("a", never).await.unwrap();
    let found = row(&name).unwrap();
    assert_eq!(found.kind, Kind::CoherentRedis);
    assert_eq!((found.bound, found.entries), (Bound::Entries(10), Some(1)));
    assert_eq!((found.hits, found.misses), (1, 1));
    assert_eq!(found.state, State::Live);

    texts.invalidate_text("a").await.unwrap();
    texts.invalidate_other().await.unwrap();
    let received = async || texts.stats().received;
    eventually("both events", received, |received| *received == 2).await;
    // An event counts when it is published, and not when it comes back.
    let applied = || {
        let found = row(&name).unwrap();
        let events = found.evicted_by[0].events.iter();
        let events = events.filter(|event| event.applied > 0);
        let counts = events.map(|event| (event.event, event.applied, event.evicted));
        counts.collect::<Vec<_>>()
    };
    assert_eq!(applied(), [("text", 1, 1), ("other", 1, 0)]);
    assert_eq!(row(&name).unwrap().evicted_by[0].channel, "cache:texts");

    bus.close().await;
    let state = row(&name).unwrap().state;
    assert!(matches!(state, State::Down(_)), "{state:?}");
}

in_both_places!(
    a_plain_cache_is_listed,
    a_coherent_cache_is_listed_with_its_events,
);
