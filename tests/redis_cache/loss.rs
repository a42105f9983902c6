//! What a loss does to a cache in Redis, and what the cache does while it lasts.

use std::time::Duration;

use cache_runtime::Bus;
use cache_runtime::bus::{Cause, Health};
use cache_runtime::redis::OnFlush;
use support::{Server, eventually, until};

use crate::coherent::{Instance, evict};
use crate::fixture::{LONG, Place, Texts, builder, connect, never, text};

/// An instance that connects as its own user, so that access to its channel can be taken away. Redis
/// 6.2 ends no subscriptions of a user that had access to all channels.
async fn brittle(server: &Server) -> Bus {
    let url = server.allow_app("+@all allkeys &*:*").await;
    Bus::redis(url).lease(LONG).connect().await.unwrap()
}

async fn take_down(server: &Server, texts: &Texts) {
    let mut health = texts.watch_health();
    let rules = ["ACL", "SETUSER", "app", "resetchannels", "&cache-runtime:*"];
    server.admin().await.run::<()>(&rules).await;
    let refused = |health: &Health| matches!(health, Health::Down(Cause::Refused(_)));
    until("the channel to be down", &mut health, refused).await;
}

#[tokio::test]
async fn empties_memory_and_keeps_redis() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let instance = Instance::on(connect(&server).await).await;
    instance.fill("a", "A").await;
    assert_eq!(instance.get("a").await.as_deref(), Some("A"));
    assert_eq!(instance.cache.stats().redis_hits, 0);

    let mut health = instance.texts.watch_health();
    assert_eq!(admin.kill_clients("pubsub").await, 1);
    let down = |health: &Health| !health.is_live();
    until("the loss to be noticed", &mut health, down).await;
    instance.bus.ready().await.unwrap();
    assert_eq!(instance.cache.health(), Health::Live);
    assert_eq!(instance.get("a").await.as_deref(), Some("A"));
    assert_eq!(instance.cache.stats().redis_hits, 1, "memory was empty");
}

#[tokio::test]
async fn while_it_lasts_memory_is_not_read_and_redis_is() {
    let server = Server::start().await;
    let instance = Instance::on(brittle(&server).await).await;
    let other = Instance::on(connect(&server).await).await;
    instance.fill("a", "A").await;
    take_down(&server, &instance.texts).await;
    assert!(!instance.cache.health().is_live());
    for reads in 1..=3 {
        let value = instance.cache.try_get_or_load("a", never).await.unwrap();
        assert_eq!(value, "A");
        assert_eq!(instance.cache.stats().redis_hits, reads);
    }
    // A loaded value is stored in Redis, with a token as always, and not in memory.
    instance.fill("b", "B").await;
    assert_eq!(other.get("b").await.as_deref(), Some("B"));
    let hits = instance.cache.stats().redis_hits;
    instance.get("b").await.unwrap();
    assert_eq!(instance.cache.stats().redis_hits, hits + 1);
    // The publisher deletes in Redis, so this instance need not receive the event.
    other.texts.invalidate_text("a").await.unwrap();
    assert_eq!(instance.get("a").await, None);
}

#[tokio::test]
async fn evicts_from_redis_where_publishers_do_not() {
    let server = Server::start().await;
    let bus = brittle(&server).await;
    let texts = Texts::new(&bus);
    let cache = builder(&bus).memory(LONG, 10).on_flush(OnFlush::EvictRedis);
    let cache = cache.evict_on(&texts, evict).build().unwrap();
    bus.ready().await.unwrap();
    let other = Instance::on(connect(&server).await).await;
    cache.try_get_or_load("a", || text("A")).await.unwrap();
    assert_eq!(other.get("a").await.as_deref(), Some("A"));

    take_down(&server, &texts).await;
    let fresh = Instance::on(connect(&server).await).await;
    fresh.loses("a").await;
    // While the channel is down, Redis is neither read nor written.
    fresh.fill("b", "B").await;
    assert_eq!(cache.get("b").await.unwrap(), None);
    assert_eq!(
        cache.try_get_or_load("b", || text("own")).await.unwrap(),
        "own"
    );
    assert_eq!(fresh.get("b").await.as_deref(), Some("B"));
    cache.try_get_or_load("c", || text("C")).await.unwrap();
    assert_eq!(fresh.get("c").await, None);
}

#[tokio::test]
async fn of_the_server_itself_empties_both() {
    let mut server = Server::start().await;
    let bus = Bus::redis(server.url())
        .heartbeat(Duration::from_millis(100))
        .lease(Duration::from_secs(1))
        .backoff(Duration::from_millis(20), Duration::from_millis(100))
        .connect()
        .await
        .unwrap();
    let instance = Instance::on(bus).await;
    instance.fill("a", "old").await;

    let mut health = instance.texts.watch_health();
    server.kill9();
    let down = |health: &Health| !health.is_live();
    until("the loss to be noticed", &mut health, down).await;
    // Now neither memory nor Redis is available.
    let value = instance.cache.try_get_or_load("a", || text("new")).await;
    assert_eq!(value.unwrap(), "new");
    assert!(instance.cache.get("a").await.is_err());

    server.restart().await;
    let ready = async || instance.bus.ready().await;
    eventually("the bus to be live", ready, Result::is_ok)
        .await
        .unwrap();
    // After an outage, Redis is not asked for a while.
    let asked = async || instance.cache.get("a").await;
    let value = eventually("Redis to be asked again", asked, Result::is_ok).await;
    assert_eq!(value.unwrap(), None);
    instance.fill("a", "newer").await;
    let place = Place::over(server);
    assert_eq!(
        Instance::new(&place).await.get("a").await.as_deref(),
        Some("newer")
    );
}
