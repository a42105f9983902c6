//! Redis is down.

use cache_runtime::Bus;
use cache_runtime::bus::Cause;
use cache_runtime::redis::LoadError;
use cache_runtime::redis::WhileDown;
use std::time::Duration;
use support::{Server, eventually};

use crate::fixture::{LONG, Source, builder, never, text};

/// A bus with short timeouts, 300 ms.
async fn connect(server: &Server) -> Bus {
    Bus::redis(server.url())
        .connect_timeout(Duration::from_millis(300))
        .response_timeout(Duration::from_millis(300))
        .connect()
        .await
        .unwrap()
}

#[tokio::test]
async fn loads_go_on_without_it() {
    let mut server = Server::start().await;
    let bus = connect(&server).await;
    let cache = builder(&bus).load_lock(LONG).build().unwrap();
    cache.insert("a", "A".to_owned()).await.unwrap();

    server.kill9();
    for round in 1..=3 {
        let source = Source::free("loaded");
        let value = cache.try_get_or_load("a", || source.clone().load()).await;
        assert_eq!(value.unwrap(), "loaded");
        assert_eq!(source.loads(), 1);
        assert_eq!(
            cache.stats().redis_errors,
            round,
            "it is not told a second time"
        );
    }
    let error = cache.get("a").await.unwrap_err();
    assert!(
        matches!(error.cause(), Some(Cause::Unreachable(_))),
        "{error:?}"
    );
    assert!(format!("{error:#}").starts_with("an entry of cache `texts` could not be read: "));
    assert!(cache.insert("a", "B".to_owned()).await.is_err());
    assert!(cache.remove("a").await.is_err());

    server.restart().await;
    let set = async || cache.insert("a", "B".to_owned()).await;
    eventually("Redis to be used again", set, Result::is_ok)
        .await
        .unwrap();
    assert_eq!(cache.try_get_or_load("a", never).await.unwrap(), "B");
}

#[tokio::test]
async fn loads_fail_where_that_is_asked_for() {
    let mut server = Server::start().await;
    let bus = connect(&server).await;
    let cache = builder(&bus).while_down(WhileDown::Fail).build().unwrap();
    server.kill9();
    let error = cache.try_get_or_load("a", never).await.unwrap_err();
    let LoadError::Redis(error) = error else {
        panic!("{error:?}");
    };
    assert!(
        matches!(error.cause(), Some(Cause::Unreachable(_))),
        "{error:?}"
    );
    assert_eq!(error.cache(), "texts");
    assert_eq!(cache.stats().loads, 0);

    server.restart().await;
    let load = async || cache.try_get_or_load("a", || text("A")).await;
    eventually("Redis to be used again", load, Result::is_ok)
        .await
        .unwrap();
    assert_eq!(cache.try_get_or_load("a", never).await.unwrap(), "A");
}

#[tokio::test]
async fn memory_goes_on() {
    let mut server = Server::start().await;
    let bus = connect(&server).await;
    let cache = builder(&bus).memory(LONG, 10).build().unwrap();
    cache.insert("a", "A".to_owned()).await.unwrap();
    server.kill9();
    assert_eq!(cache.try_get_or_load("a", never).await.unwrap(), "A");
    // Values that are loaded meanwhile are kept in memory.
    assert_eq!(cache.try_get_or_load("b", || text("B")).await.unwrap(), "B");
    assert_eq!(cache.try_get_or_load("b", never).await.unwrap(), "B");
}

#[tokio::test]
async fn a_frozen_server_is_no_different() {
    let server = Server::start().await;
    let bus = connect(&server).await;
    let without = builder(&bus).load_lock(LONG).build().unwrap();
    let failing = builder(&bus).while_down(WhileDown::Fail).build().unwrap();
    without.insert("a", "A".to_owned()).await.unwrap();

    server.freeze();
    for key in ["a", "b", "c"] {
        let value = without.try_get_or_load(key, || text("loaded")).await;
        assert_eq!(value.unwrap(), "loaded");
    }
    let error = failing.try_get_or_load("a", never).await.unwrap_err();
    assert!(matches!(error, LoadError::Redis(_)), "{error:?}");

    server.thaw();
    let get = async || without.get("a").await;
    let value = eventually("Redis to be used again", get, Result::is_ok).await;
    assert_eq!(value.unwrap().as_deref(), Some("A"));
}

#[tokio::test]
async fn during_a_load_its_value_is_returned_all_the_same() {
    let mut server = Server::start().await;
    let bus = connect(&server).await;
    let cache = builder(&bus).load_lock(LONG).while_down(WhileDown::Fail);
    let cache = cache.build().unwrap();
    let source = Source::held("A");
    let loading = tokio::spawn({
        let (cache, source) = (cache.clone(), source.clone());
        async move { cache.try_get_or_load("a", || source.load()).await }
    });
    source.has_begun().await;
    server.kill9();
    source.release();
    assert_eq!(loading.await.unwrap().unwrap(), "A");
    assert_eq!(cache.stats().redis_errors, 1);
}

#[tokio::test]
async fn a_server_that_refuses_is_told_of() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let bus = connect(&server).await;
    let cache = builder(&bus).build().unwrap();
    admin.run::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(cache.try_get_or_load("a", || text("A")).await.unwrap(), "A");
    let error = cache.insert("a", "A".to_owned()).await.unwrap_err();
    assert!(format!("{error:#}").contains("OOM"), "{error}");
    // Redis has answered, so it is asked again at once.
    admin.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    cache.insert("a", "A".to_owned()).await.unwrap();
}

#[tokio::test]
async fn a_closed_bus_is_away_for_good() {
    let bus = Bus::in_process();
    let cache = builder(&bus).build().unwrap();
    cache.insert("a", "A".to_owned()).await.unwrap();
    bus.close().await;
    let error = cache.get("a").await.unwrap_err();
    assert_eq!(error.cause(), Some(&Cause::Closed));
    assert_eq!(cache.try_get_or_load("a", || text("B")).await.unwrap(), "B");
}
