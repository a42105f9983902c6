//! Refreshing what nobody reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::audit::Reloads;
use cache_runtime::{Bus, RedisCache, audit};
use support::eventually;

use crate::fixture::{LONG, Place, Source, builder, in_both_places, lasting};

const MINUTE: Duration = Duration::from_secs(60);

fn scheduled(bus: &Bus, source: &Source) -> RedisCache<String> {
    let builder = builder(bus).refresh_ahead(MINUTE, source.loader());
    builder.refresh_keys(["a"]).build().unwrap()
}

async fn becomes(expected: &str, cache: &RedisCache<String>) {
    let get = async || cache.get("a").await.unwrap();
    let is = |value: &Option<String>| value.as_deref() == Some(expected);
    eventually(expected, get, is).await;
}

async fn a_missing_entry_is_loaded_by_one_instance(place: &Place) {
    let (here, there) = (place.instance().await, place.instance().await);
    let source = Source::held("new");
    let (here, there) = (scheduled(&here, &source), scheduled(&there, &source));
    source.has_begun().await;
    source.release();
    becomes("new", &here).await;
    becomes("new", &there).await;
    assert_eq!(source.loads(), 1);
}

async fn an_entry_that_is_due_is_refreshed(place: &Place) {
    let bus = place.instance().await;
    let old = lasting(&bus, MINUTE / 2).build().unwrap();
    old.insert("a", "old".to_owned()).await.unwrap();
    let source = Source::free("new");
    let cache = scheduled(&bus, &source);
    becomes("new", &cache).await;
    assert!(place.ttl("texts:a").await > MINUTE);
}

async fn an_entry_is_refreshed_again_and_again(place: &Place) {
    let bus = place.instance().await;
    let loads = Arc::new(AtomicU64::new(0));
    let load = {
        let loads = Arc::clone(&loads);
        move |_| {
            let load = loads.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Ok::<_, std::convert::Infallible>(load.to_string()) }
        }
    };
    let (ttl, ahead) = (LONG + Duration::from_millis(20), LONG);
    let cache = lasting(&bus, ttl)
        .refresh_ahead(ahead, load)
        .refresh_keys(["a"]);
    let cache = cache.build().unwrap();
    becomes("3", &cache).await;
}

async fn failures_are_tried_again_and_audited(place: &Place) {
    for panics in [false, true] {
        let bus = place.instance().await;
        let failing = Arc::new(AtomicU64::new(1));
        let load = {
            let failing = Arc::clone(&failing);
            move |_| {
                let failing = failing.load(Ordering::SeqCst) > 0;
                async move {
                    assert!(!failing || !panics, "as the test wants it");
                    if failing {
                        Err("the provider is down")
                    } else {
                        Ok("new".to_owned())
                    }
                }
            }
        };
        let name = format!("audited-{panics}");
        let cache = RedisCache::<String>::builder(&bus, name.clone(), LONG)
            .refresh_ahead(MINUTE, load)
            .refresh_keys(["a"])
            .build()
            .unwrap();
        let reloads = async || {
            let audit = audit();
            let row = audit.rows().iter().find(|row| row.name == name);
            row.and_then(|row| row.reloads.clone()).unwrap_or_default()
        };
        let failed = |found: &Reloads| found.failures > 0;
        let found = eventually("a failure", reloads, failed).await;
        assert_eq!(found.last_success, None);
        assert!(found.failing_for.is_some());
        let error = if panics {
            "a: the loader panicked"
        } else {
            "a: the provider is down"
        };
        assert_eq!(found.error.as_deref(), Some(error));
        failing.store(0, Ordering::SeqCst);
        becomes("new", &cache).await;
        let succeeded = |found: &Reloads| found.failures == 0;
        let found = eventually("a success", reloads, succeeded).await;
        assert!(found.last_success.is_some() && found.error.is_none());
        cache.remove("a").await.unwrap();
    }
}

in_both_places!(
    a_missing_entry_is_loaded_by_one_instance,
    an_entry_that_is_due_is_refreshed,
    an_entry_is_refreshed_again_and_again,
    failures_are_tried_again_and_audited,
);

#[tokio::test]
async fn ends_with_the_cache() {
    let bus = Bus::in_process();
    let held = Arc::new(());
    let load = {
        let held = Arc::clone(&held);
        move |_| {
            let held = Arc::clone(&held);
            async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok::<_, std::convert::Infallible>(String::new())
            }
        }
    };
    let cache = builder(&bus)
        .refresh_ahead(MINUTE, load)
        .refresh_keys(["a"]);
    let cache = cache.build().unwrap();
    let count = async || Arc::strong_count(&held);
    eventually("a load", count, |count| *count == 3).await;
    drop(cache);
    eventually("the load to end", count, |count| *count == 1).await;
}

#[tokio::test]
async fn needs_a_loader_and_few_keys() {
    let bus = Bus::in_process();
    let error = builder(&bus).refresh_keys(["a"]).build().unwrap_err();
    assert!(
        error.to_string().ends_with(
            "refresh_keys without refresh_ahead: expected its loader, and when they are due"
        ),
        "{error}"
    );
    let many = (0..33).map(|key: i32| key.to_string());
    let source = Source::free("new");
    let error = builder(&bus)
        .refresh_ahead(MINUTE, source.loader())
        .refresh_keys(many);
    let error = error.build().unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("refresh_keys of 33 keys: expected at most 32"),
        "{error}"
    );
}
