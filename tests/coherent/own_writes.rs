//! This instance's own writes: a read after it has published must not find an older value, whether
//! the server is up or down.

use cache_runtime::Bus;
use cache_runtime::coherent::WhileDown;
use support::Server;

use crate::{Cache, Loader, UserEvent, Users, builder, connect, held, live, lost};

#[tokio::test]
async fn are_read_as_soon_as_publish_is_called() {
    let bus = Bus::in_process();
    let (users, cache) = live(&bus).await;
    let loader = Loader::default();
    loader.read(&cache, "1").await;
    // Dropped before it was polled.
    drop(users.publish(&UserEvent::Renamed));
    assert_eq!(
        cache.get("1"),
        Some(1),
        "nothing happens until it is awaited"
    );
    users.invalidate_user("1").await.unwrap();
    assert_eq!(cache.get("1"), None);
    assert_eq!(loader.read(&cache, "1").await, 2);
}

#[tokio::test]
async fn are_read_although_the_bus_is_closed() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = builder(&users).build().unwrap();
    bus.ready().await.unwrap();
    let loader = Loader::default();
    loader.read(&cache, "1").await;
    bus.close().await;
    assert!(users.invalidate_user("1").await.is_err());
    assert!(held(&cache).is_empty());
    assert_eq!(cache.get("1"), None);
    assert_eq!(loader.read(&cache, "1").await, 2);
    assert!(held(&cache).is_empty(), "a closed bus proves nothing");
}

/// A cache that goes on while the server is away.
async fn serving_while_down(server: &Server) -> (Users, Cache) {
    let users = Users::new(&connect(&server.url()).await);
    let cache = builder(&users).while_down(WhileDown::ServeUntilTtl);
    let cache = cache.build().unwrap();
    users.ready().await.unwrap();
    (users, cache)
}

#[tokio::test]
async fn are_read_although_the_server_is_away() {
    let mut server = Server::start().await;
    let (users, cache) = serving_while_down(&server).await;
    let loader = Loader::default();
    loader.read(&cache, "1").await;
    loader.read(&cache, "2").await;

    server.kill9();
    lost(&users).await;
    let error = users.invalidate_user("1").await.unwrap_err();
    assert_eq!(error.channel(), "cache:coherent-users");
    assert_eq!(cache.get("1"), None);
    assert_eq!(cache.get("2"), Some(2), "only what was published goes");
    assert_eq!(loader.read(&cache, "1").await, 3);
    assert_eq!(cache.get("1"), Some(3));
}

/// By the write, and not again by the event that comes back.
#[tokio::test]
async fn are_counted_once() {
    let bus = Bus::in_process();
    let (users, cache) = live(&bus).await;
    let loader = Loader::default();
    for key in ["1", "2", "3"] {
        loader.read(&cache, key).await;
    }
    users.invalidate_user("1").await.unwrap();
    users.invalidate_all().await.unwrap();
    let received = async || users.stats().received;
    support::eventually("the events", received, |received| *received == 2).await;
    let stats = cache.stats();
    assert_eq!((stats.stored, stats.evictions.event), (3, 3));
    assert_eq!(stats.evictions.total(), 3);
}

#[tokio::test]
async fn of_several_events_are_all_read_although_none_can_be_sent() {
    let mut server = Server::start().await;
    let (users, cache) = serving_while_down(&server).await;
    let loader = Loader::default();
    for key in ["1", "2", "3"] {
        loader.read(&cache, key).await;
    }
    server.kill9();
    lost(&users).await;
    let user = |id: &str| UserEvent::User {
        user_id: id.to_owned(),
    };
    let error = users.publish_all(["1", "2"].map(user)).await.unwrap_err();
    let failed: Vec<usize> = error.failed().map(|(i, _)| i).collect();
    assert_eq!(failed, [0, 1]);
    assert_eq!((cache.get("1"), cache.get("2")), (None, None));
    assert_eq!(cache.get("3"), Some(3), "only what was published goes");
}
