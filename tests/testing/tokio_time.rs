//! A bus in Tokio's paused time: it runs in the runtime of the test, so time passes only while it waits.

use std::time::Duration;

use cache_runtime::bus::Health;
use cache_runtime::dedup::Reservation;
use cache_runtime::testing::Network;
use cache_runtime::{Bus, Dedup, ManualClock, RedisCache, TtlCache, defaults};
use tokio::time::{Instant, advance, sleep};

use crate::{MILLISECOND, MINUTE, UserEvent, Users, just_before, names, user};

fn driven() -> (ManualClock, Bus) {
    let clock = ManualClock::following_tokio();
    let bus = Bus::local().clock(&clock).connect_lazy().unwrap();
    (clock, bus)
}

#[tokio::test(start_paused = true)]
async fn a_cache_expires_and_the_bus_stays_live() {
    let (clock, bus) = driven();
    let cache = names(&bus);
    bus.ready().await.unwrap();
    assert_eq!(clock.elapsed(), Duration::ZERO, "nothing has to wait");
    cache.get_or_load(&1, || async { 1 }).await;
    sleep(just_before(MINUTE)).await;
    assert_eq!(bus.health(), Health::Live);
    assert_eq!(cache.get(&1), Some(1));
    sleep(MILLISECOND).await;
    assert_eq!(bus.health(), Health::Live);
    assert_eq!(cache.get(&1), None);
    assert_eq!(clock.elapsed(), MINUTE);
    assert_eq!(cache.stats().evictions.flush, 0, "no lease has ended");
}

#[tokio::test(start_paused = true)]
async fn time_that_is_moved_at_once_ends_a_lease() {
    let (_clock, bus) = driven();
    let cache = names(&bus);
    bus.ready().await.unwrap();
    cache.get_or_load(&1, || async { 1 }).await;
    advance(defaults::LEASE).await;
    assert_eq!(cache.get(&1), None);
    let mut health = bus.watch_health();
    health.wait_for(|health| !health.is_live()).await.unwrap();
    health.wait_for(Health::is_live).await.unwrap();
    assert_eq!(cache.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_noticed_when_the_lease_ends() {
    let (_clock, here) = driven();
    let there = here.another_instance();
    let cache = names(&there);
    let mut events = Users::new(&there).events();
    there.ready().await.unwrap();
    cache.get_or_load(&1, || async { 1 }).await;
    let network = Network::of(&there);
    network.silence();
    let silent = Instant::now();
    Users::new(&here).invalidate_user(1).await.unwrap();
    let mut health = there.watch_health();
    health.wait_for(|health| !health.is_live()).await.unwrap();
    assert_eq!(silent.elapsed(), defaults::LEASE);
    assert_eq!(cache.get(&1), None);
    network.reconnect().await;
    assert_eq!(silent.elapsed(), defaults::LEASE, "it does not wait");
    assert_eq!(events.recv().await, Some(UserEvent::All));
    Users::new(&here).invalidate_user(2).await.unwrap();
    assert_eq!(events.recv().await, Some(user(2)));
}

#[tokio::test(start_paused = true)]
async fn an_event_comes_before_any_time_passes() {
    let (clock, here) = driven();
    let there = here.another_instance();
    let mut events = Users::new(&there).events();
    there.ready().await.unwrap();
    for n in 0..100 {
        let sent = Users::new(&here).invalidate_user(n).confirmed().await;
        sent.unwrap();
        assert_eq!(events.recv().await, Some(user(n)));
    }
    assert_eq!(clock.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_for_redis_and_what_needs_no_bus_expire_by_it() {
    let (clock, bus) = driven();
    let models = RedisCache::<u32>::builder(&bus, "models", MINUTE).build();
    let models = models.unwrap();
    let pages = TtlCache::builder("pages", MINUTE).clock(&clock).build();
    let pages: TtlCache<u64, u32> = pages.unwrap();
    let requests = Dedup::builder(&bus, "requests").build().unwrap();
    models.insert("all", 1).await.unwrap();
    pages.insert(1, 1);
    let reserved = requests.reserve("1", "me").await.unwrap();
    assert_eq!(reserved, Reservation::Reserved);
    sleep(defaults::DEDUP_TTL).await;
    let reserved = requests.reserve("1", "me").await.unwrap();
    assert_eq!(reserved, Reservation::Reserved);
    sleep(just_before(MINUTE.saturating_sub(defaults::DEDUP_TTL))).await;
    assert_eq!(models.get("all").await.unwrap(), Some(1));
    assert_eq!(pages.get(&1), Some(1));
    sleep(MILLISECOND).await;
    assert_eq!(models.get("all").await.unwrap(), None);
    assert_eq!(pages.get(&1), None);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "follows Tokio's time")]
async fn such_a_clock_is_not_moved_by_itself() {
    ManualClock::following_tokio().advance(MILLISECOND);
}
