//! What `while_down` allows, over a server that is killed and comes back.

use std::time::Duration;

use cache_runtime::__private::publish_raw;
use cache_runtime::Bus;
use cache_runtime::cache::NotStored;
use cache_runtime::coherent::WhileDown;
use support::{Server, eventually};

use crate::{Cache, HOUR, Loader, Users, builder, connect, found, held, lost};

async fn lose(server: &mut Server, policy: WhileDown) -> (Users, Cache, Loader) {
    let bus = connect(&server.url()).await;
    let users = Users::new(&bus);
    let cache = builder(&users).while_down(policy).build().unwrap();
    users.ready().await.unwrap();
    let loader = Loader::default();
    loader.read(&cache, "1").await;
    server.kill9();
    lost(&users).await;
    (users, cache, loader)
}

/// Checks that the cache goes on serving, and is flushed before it is live again.
async fn goes_on(policy: WhileDown) {
    let mut server = Server::start().await;
    let (users, cache, loader) = lose(&mut server, policy).await;
    assert!(!cache.health().is_live());
    assert_eq!(cache.get("1"), Some(1));
    assert_eq!(loader.read(&cache, "1").await, 1);
    assert_eq!(loader.read(&cache, "2").await, 2);
    assert_eq!(cache.get("2"), Some(2), "what is loaded now is stored");
    let token = cache.begin_load("3");

    server.restart().await;
    found(&users).await;
    assert!(held(&cache).is_empty(), "flushed when it is live again");
    assert_eq!(token.store(1), Err(NotStored::Evicted));
    assert_eq!(loader.read(&cache, "1").await, 3);
    assert_eq!(cache.get("1"), Some(3));
}

#[tokio::test]
async fn serve_until_ttl() {
    goes_on(WhileDown::ServeUntilTtl).await;
}

#[tokio::test]
async fn serve_for_a_time_that_has_not_passed() {
    goes_on(WhileDown::ServeFor(HOUR)).await;
}

#[tokio::test]
async fn serve_for_a_time_that_has_passed() {
    let mut server = Server::start().await;
    let policy = WhileDown::ServeFor(Duration::from_millis(1));
    let (users, cache, loader) = lose(&mut server, policy).await;
    eventually(
        "the time to be up",
        async || cache.get("1"),
        Option::is_none,
    )
    .await;
    assert_eq!(loader.read(&cache, "1").await, 2);
    assert_eq!(
        loader.read(&cache, "1").await,
        3,
        "nothing is stored any more"
    );
    assert!(matches!(
        cache.begin_load("1").store(1),
        Err(NotStored::Bypassed)
    ));

    server.restart().await;
    found(&users).await;
    assert!(held(&cache).is_empty());
}

/// The time counts from when the channel was last live, so a channel that was never live has none.
#[tokio::test]
async fn serve_for_nothing_before_the_first_proof() {
    let mut server = Server::start().await;
    server.kill9();
    let bus = Bus::redis(server.url()).connect_lazy().unwrap();
    let users = Users::new(&bus);
    let cache = builder(&users)
        .while_down(WhileDown::ServeFor(HOUR))
        .build()
        .unwrap();
    let loader = Loader::default();
    for expected in 1..=2 {
        assert_eq!(loader.read(&cache, "1").await, expected);
    }
    assert!(cache.is_empty());
}

#[tokio::test]
async fn nothing_is_served_once_the_bus_is_closed() {
    for policy in [
        WhileDown::Bypass,
        WhileDown::ServeFor(HOUR),
        WhileDown::ServeUntilTtl,
    ] {
        let bus = Bus::in_process();
        let users = Users::new(&bus);
        let cache = builder(&users).while_down(policy).build().unwrap();
        bus.ready().await.unwrap();
        let loader = Loader::default();
        loader.read(&cache, "1").await;
        assert_eq!(cache.get("1"), Some(1));
        bus.close().await;
        assert_eq!(cache.get("1"), None, "{policy:?}");
        assert_eq!(loader.read(&cache, "1").await, 2, "{policy:?}");
    }
}

/// While the channel is live, nothing else would evict what the message was meant to.
#[tokio::test]
async fn whatever_it_is_each_message_that_is_not_understood_evicts() {
    for policy in [
        WhileDown::Bypass,
        WhileDown::ServeFor(HOUR),
        WhileDown::ServeUntilTtl,
    ] {
        let bus = Bus::local()
            .rejection_interval(HOUR)
            .connect_lazy()
            .unwrap();
        let users = Users::new(&bus);
        let cache = builder(&users).while_down(policy).build().unwrap();
        bus.ready().await.unwrap();
        let loader = Loader::default();
        for _ in 0..3 {
            loader.read(&cache, "1").await;
            let message = br#"{"type":"newer"}"#;
            publish_raw(&bus, users.channel(), message).await.unwrap();
            let evicted = async || cache.get("1");
            eventually("the entry to be evicted", evicted, Option::is_none).await;
            assert!(cache.health().is_live());
        }
    }
}
