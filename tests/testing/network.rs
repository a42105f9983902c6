//! Outages of a bus in process: what follows is what follows when Redis is lost.

use std::time::Duration;

use cache_runtime::bus::{Cause, Health};
use cache_runtime::redis::OnFlush;
use cache_runtime::testing::Network;
use cache_runtime::{Bus, Dedup, RedisCache};
use support::{until, within};

use crate::{MINUTE, UserEvent, Users, names, user};

/// Short, so that a silence is noticed soon.
const LEASE: Duration = Duration::from_millis(200);

/// A bus in process whose heartbeats come often.
fn bus() -> Bus {
    let bus = Bus::local().heartbeat(LEASE / 4).lease(LEASE);
    bus.connect_lazy().unwrap()
}

fn is_down(health: &Health) -> bool {
    matches!(health, Health::Down(_))
}

#[tokio::test]
async fn after_a_disconnect_a_cache_is_empty_and_neither_serves_nor_stores() {
    let bus = bus();
    let cache = names(&bus);
    bus.ready().await.unwrap();
    for n in 0..10 {
        cache.get_or_load(&n, || async { 1 }).await;
    }
    assert_eq!(cache.len(), 10);

    let network = Network::of(&bus);
    within("the loss to be noticed", network.disconnect()).await;
    assert!(is_down(&bus.health()), "{:?}", bus.health());
    assert_eq!(cache.len(), 0);
    for value in [2, 3] {
        let loaded = cache.get_or_load(&0, || async move { value }).await;
        assert_eq!(loaded, value, "nothing is stored");
    }
    assert!(bus.ready().await.is_err());
    assert!(matches!(bus.check().await, Err(Cause::Unreachable(_))));

    within("live again", network.reconnect()).await;
    assert_eq!(bus.health(), Health::Live);
    assert_eq!(bus.check().await, Ok(()));
    assert_eq!(cache.get_or_load(&0, || async { 4 }).await, 4);
    assert_eq!(cache.get(&0), Some(4));
}

#[tokio::test]
async fn a_load_that_an_outage_overtakes_is_not_stored() {
    let bus = bus();
    let cache = names(&bus);
    bus.ready().await.unwrap();
    let network = Network::of(&bus);
    let loaded = cache
        .get_or_load(&1, || async {
            network.disconnect().await;
            network.reconnect().await;
            7
        })
        .await;
    assert_eq!(loaded, 7);
    assert!(bus.health().is_live());
    assert_eq!(cache.get(&1), None);
}

#[tokio::test]
async fn what_is_published_meanwhile_is_lost_and_a_flush_follows_before_the_bus_is_live() {
    let here = bus();
    let there = here.another_instance();
    let cache = names(&there);
    let mut events = Users::new(&there).events();
    there.ready().await.unwrap();
    let users = Users::new(&here);
    users.invalidate_user(1).await.unwrap();
    assert_eq!(within("an event", events.recv()).await, Some(user(1)));

    let network = Network::of(&there);
    within("the loss to be noticed", network.disconnect()).await;
    assert_eq!(users.invalidate_user(2).await.unwrap().receivers(), 0);
    within("live again", network.reconnect()).await;
    users.invalidate_user(3).await.unwrap();
    assert_eq!(
        within("the flush", events.recv()).await,
        Some(UserEvent::All)
    );
    assert_eq!(within("an event", events.recv()).await, Some(user(3)));
    assert_eq!(cache.len(), 0);
}

#[tokio::test]
async fn a_silence_is_noticed_when_the_lease_ends() {
    let here = bus();
    let there = here.another_instance();
    let cache = names(&there);
    there.ready().await.unwrap();
    cache.get_or_load(&1, || async { 1 }).await;

    let network = Network::of(&there);
    network.silence();
    let users = Users::new(&here);
    let receipt = users.invalidate_user(1).await.unwrap();
    assert_eq!(receipt.receivers(), 1, "the connection is open");
    let mut health = there.watch_health();
    until("down", &mut health, is_down).await;
    assert_eq!(cache.get(&1), None);
    let empty = async || cache.len();
    support::eventually("an empty cache", empty, |len| *len == 0).await;
    within("live again", network.reconnect()).await;
    assert!(there.health().is_live());
    assert_eq!(cache.get_or_load(&1, || async { 2 }).await, 2);
    assert_eq!(cache.get(&1), Some(2));
}

/// The lease has not ended, so nobody has noticed: the messages are lost all the same.
#[tokio::test]
async fn a_short_silence_loses_no_event_unnoticed() {
    let here = Bus::in_process();
    let there = here.another_instance();
    let cache = names(&there);
    there.ready().await.unwrap();
    cache.get_or_load(&1, || async { 1 }).await;

    let network = Network::of(&there);
    network.silence();
    Users::new(&here).invalidate_user(1).await.unwrap();
    assert_eq!(cache.get(&1), Some(1), "nobody knows");
    within("live again", network.reconnect()).await;
    assert!(there.health().is_live());
    assert_eq!(cache.get(&1), None);
}

#[tokio::test]
async fn instances_are_cut_off_one_by_one() {
    let here = bus();
    let buses = [here.another_instance(), here.another_instance()];
    let caches = buses.each_ref().map(names);
    for (bus, cache) in buses.iter().zip(&caches) {
        bus.ready().await.unwrap();
        cache.get_or_load(&1, || async { 1 }).await;
    }
    within("the loss", Network::of(&buses[0]).disconnect()).await;
    assert!(!buses[0].health().is_live());
    assert!(buses[1].health().is_live());
    assert_eq!([caches[0].get(&1), caches[1].get(&1)], [None, Some(1)]);
    let receipt = Users::new(&here).invalidate_user(1).await.unwrap();
    assert_eq!(receipt.receivers(), 1);
    within("the other instance", here.settled()).await.unwrap();
    assert_eq!(caches[1].get(&1), None);
}

#[tokio::test]
async fn events_that_cannot_be_published_wait_in_the_outbox() {
    let here = bus();
    let mut events = Users::new(&here.another_instance()).events();
    let users = Users::new(&here);
    let network = Network::of(&here);
    for (user_id, cut) in [(1, true), (2, false)] {
        if cut {
            within("nothing to notice", network.disconnect()).await;
        } else {
            network.silence();
        }
        let error = users.invalidate_user(user_id).await.unwrap_err();
        assert!(error.is_deferred(), "{error:?}");
        within("the network", network.reconnect()).await;
        assert_eq!(
            within("the event", events.recv()).await,
            Some(user(user_id))
        );
    }
}

#[tokio::test]
async fn keys_cannot_be_reached_either() {
    let bus = bus();
    let network = Network::of(&bus);
    let requests = Dedup::builder(&bus, "requests").build().unwrap();
    let models = RedisCache::<u32>::builder(&bus, "models", MINUTE)
        .on_flush(OnFlush::KeepRedis)
        .build()
        .unwrap();
    models.insert("all", 1).await.unwrap();
    network.disconnect().await;
    let error = requests.reserve("1", "me").await.unwrap_err();
    assert!(!error.is_timeout(), "{error:?}");
    assert!(models.lookup("all").await.is_err());
    network.silence();
    let error = requests.reserve("1", "me").await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    network.reconnect().await;
    assert!(requests.reserve("1", "me").await.is_ok());
    support::eventually(
        "the breaker to close",
        async || models.lookup("all").await.is_ok(),
        |is_ok| *is_ok,
    )
    .await;
}

/// As over Redis, where the list of instances tells of one that is cut off.
#[tokio::test]
async fn publishers_wait_for_an_instance_that_may_still_serve() {
    let here = bus();
    let there = here.another_instance();
    let cache = names(&there);
    there.ready().await.unwrap();
    cache.get_or_load(&1, || async { 1 }).await;
    Network::of(&there).silence();
    let users = Users::new(&here);
    let settled = within("the end of the lease", users.invalidate_user(1).confirmed()).await;
    settled.unwrap();
    assert_eq!(cache.get(&1), None);
}

#[tokio::test]
#[should_panic(expected = "expected a bus in process")]
async fn a_bus_over_redis_has_no_such_network() {
    let bus = Bus::redis("redis://127.0.0.1:1").connect_lazy().unwrap();
    let _ = Network::of(&bus);
}
