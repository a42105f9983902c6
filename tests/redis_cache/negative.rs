//! Negative entries: the absence of a value is cached too.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::time::Duration;

use cache_runtime::redis::{LoadError, Loaded};
use cache_runtime::{ManualClock, defaults};
use support::eventually;

use crate::fixture::{LONG, Place, SHORT, builder, in_both_places, lasting, never, text};

const MINUTE: Duration = Duration::from_secs(60);

type Finding = Ready<Result<Loaded<String>, Infallible>>;

fn absent(category: &str) -> Finding {
    ready(Ok(Loaded::absent(category)))
}

fn found(value: &str) -> Finding {
    ready(Ok(Loaded::Present(value.to_owned())))
}

async fn not_again() -> Result<Loaded<String>, Infallible> {
    panic!("loaded what is known to be absent")
}

async fn all_instances_know_that_there_is_nothing(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let here = builder(&here).negative_ttl("gone", MINUTE).build().unwrap();
    let there = builder(&there).build().unwrap();
    let known = Loaded::absent("gone");
    assert_eq!(
        here.lookup_or_load("a", || absent("gone")).await.unwrap(),
        known
    );
    assert_eq!(here.lookup_or_load("a", not_again).await.unwrap(), known);
    assert_eq!(there.lookup_or_load("a", not_again).await.unwrap(), known);
    assert_eq!(there.lookup("a").await.unwrap(), Some(known));
    assert_eq!(there.get("a").await.unwrap(), None);
    assert!(!there.contains("a").await.unwrap());
    assert_eq!(
        place
            .stored("cache-runtime:absent:{texts:a}")
            .await
            .unwrap(),
        b"gone"
    );

    // A caller that needs a value receives the category as an error.
    let error = there.try_get_or_load("a", never).await.unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "cache `texts` knows that there is no value: gone"
    );
    assert!(matches!(error, LoadError::Absent { .. }));

    let value = here.lookup_or_load("b", || found("B")).await.unwrap();
    assert_eq!(value.present().as_deref(), Some("B"));
    assert_eq!(there.try_get_or_load("b", never).await.unwrap(), "B");
}

async fn each_category_has_its_ttl(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus)
        .negative_ttl("gone", MINUTE * 10)
        .negative_ttl("overloaded", MINUTE)
        .negative_ttl("far too long", LONG * 2)
        .build()
        .unwrap();
    let cases = [
        ("gone", MINUTE * 10),
        ("overloaded", MINUTE),
        ("far too long", LONG),
        ("never heard of", defaults::NEGATIVE_TTL),
    ];
    for (category, expected) in cases {
        cache
            .lookup_or_load(category, || absent(category))
            .await
            .unwrap();
        let ttl = place
            .ttl(&format!("cache-runtime:absent:{{texts:{category}}}"))
            .await;
        assert!(ttl <= expected && ttl > expected / 2, "{category}: {ttl:?}");
    }
}

async fn it_is_forgotten_in_time(place: &Place) {
    let bus = place.instance().await;
    let cache = builder(&bus)
        .negative_ttl("overloaded", SHORT)
        .build()
        .unwrap();
    cache
        .lookup_or_load("a", || absent("overloaded"))
        .await
        .unwrap();
    let lookup = async || cache.lookup("a").await.unwrap();
    eventually("it to be forgotten", lookup, Option::is_none).await;
    assert_eq!(cache.try_get_or_load("a", || text("A")).await.unwrap(), "A");
}

async fn memory_knows_it_no_longer_than_redis(place: &Place) {
    let bus = place.instance().await;
    let clock = ManualClock::new();
    let cache = lasting(&bus, LONG).negative_ttl("gone", MINUTE);
    let cache = cache.memory(LONG, 10).clock(&clock).build().unwrap();
    cache.lookup_or_load("a", || absent("gone")).await.unwrap();
    place.flush().await;
    assert_eq!(
        cache.lookup("a").await.unwrap(),
        Some(Loaded::absent("gone"))
    );
    clock.advance(MINUTE);
    assert_eq!(cache.lookup("a").await.unwrap(), None);
}

in_both_places!(
    all_instances_know_that_there_is_nothing,
    each_category_has_its_ttl,
    it_is_forgotten_in_time,
    memory_knows_it_no_longer_than_redis,
);
