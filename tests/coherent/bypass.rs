//! While events are not proven to arrive, reads load and store nothing.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::Bus;
use cache_runtime::cache::NotStored;
use support::{Direction, Proxy, Server, eventually, within};
use tokio::sync::Notify;

use crate::{HOUR, Loader, Users, builder, connect, found, held, live, lost, poll_once};

#[tokio::test]
async fn before_the_first_proof() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    proxy.black_hole(Direction::Both);
    let bus = Bus::redis(proxy.url()).lease(HOUR).connect_lazy().unwrap();
    let users = Users::new(&bus);
    let cache = builder(&users).build().unwrap();
    assert!(!cache.health().is_live());
    let loader = Loader::default();
    for expected in 1..=3 {
        assert_eq!(loader.read(&cache, "1").await, expected);
        assert_eq!(cache.get("1"), None);
        assert!(!cache.contains("1"));
    }
    assert!(cache.is_empty());
    let token = cache.begin_load("1");
    assert_eq!(token.store(1), Err(NotStored::Bypassed));

    // A load that began without a proof may not be stored later.
    let token = cache.begin_load("1");
    proxy.heal();
    found(&users).await;
    assert!(token.store(1).is_err());
    loader.read(&cache, "1").await;
    assert_eq!(cache.get("1"), Some(4));
}

#[tokio::test]
async fn from_the_loss_of_the_server_to_its_return() {
    let mut server = Server::start().await;
    let bus = connect(&server.url()).await;
    let (users, cache) = live(&bus).await;
    let loader = Loader::default();
    loader.read(&cache, "1").await;
    assert_eq!(cache.get("1"), Some(1));
    let token = cache.begin_load("2");

    server.kill9();
    lost(&users).await;
    let held_now = async || held(&cache);
    eventually("the cache to be flushed at once", held_now, Vec::is_empty).await;
    assert!(token.store(1).is_err());
    for expected in 2..=3 {
        assert_eq!(loader.read(&cache, "1").await, expected);
    }
    assert!(held(&cache).is_empty());
    assert_eq!(cache.stats().loading, 0);

    server.restart().await;
    found(&users).await;
    assert!(held(&cache).is_empty());
    loader.read(&cache, "1").await;
    assert_eq!(cache.get("1"), Some(4));
}

/// Only the lease detects a frozen server.
#[tokio::test]
async fn when_the_server_is_frozen() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url())
        .heartbeat(Duration::from_millis(100))
        .lease(Duration::from_secs(1))
        .connect()
        .await
        .unwrap();
    let users = Users::new(&bus);
    let cache = builder(&users).build().unwrap();
    let loader = Loader::default();
    let cached = async || {
        loader.read(&cache, "1").await;
        cache.get("1")
    };
    support::eventually("an entry", cached, Option::is_some).await;
    server.freeze();
    lost(&users).await;
    assert_eq!(cache.get("1"), None);
    server.thaw();
    found(&users).await;
    assert!(held(&cache).is_empty());
    support::eventually("an entry", cached, Option::is_some).await;
}

#[tokio::test]
async fn is_one_load_a_key_at_a_time() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = builder(&users).build().unwrap();
    let (loads, running, go_on) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(Notify::new()),
        Arc::new(Notify::new()),
    );
    let call = || {
        let cache = cache.clone();
        let (loads, running, go_on) = (loads.clone(), running.clone(), go_on.clone());
        tokio::spawn(async move {
            let load = async || {
                running.notify_one();
                go_on.notified().await;
                loads.fetch_add(1, Ordering::SeqCst) + 1
            };
            cache.get_or_load("1", load).await
        })
    };
    // The bus must not become live during the test. A cache treats a closed bus in the same way.
    bus.close().await;
    let first = call();
    within("the load to begin", running.notified()).await;
    let others = [call(), call()];
    while cache.stats().shared_loads + cache.stats().loading as u64 == 0 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    go_on.notify_one();
    assert_eq!(within("the load", first).await.unwrap(), 1);
    // They have come after that load had begun, and share the next one.
    within("the next load to begin", running.notified()).await;
    go_on.notify_one();
    for other in others {
        assert_eq!(within("the shared load", other).await.unwrap(), 2);
    }
    assert_eq!(cache.stats().shared_loads, 1);
    assert!(held(&cache).is_empty());
}

/// However many loads of the key there were before.
#[tokio::test]
async fn a_load_that_has_begun_before_is_waited_for_and_not_shared() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = builder(&users).build().unwrap();
    bus.close().await;
    let loader = Loader::default();
    for expected in 1..=3 {
        assert_eq!(loader.read(&cache, "1").await, expected);
    }
    let go_on = Notify::new();
    let load = async || {
        go_on.notified().await;
        100
    };
    let mut first = pin!(cache.get_or_load("1", load));
    assert!(poll_once(first.as_mut()).is_none());
    let mut second = pin!(loader.read(&cache, "1"));
    assert!(poll_once(second.as_mut()).is_none());
    go_on.notify_one();
    assert_eq!(first.await, 100);
    assert_eq!(second.await, 4);
}
