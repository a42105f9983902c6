//! One clock for a bus and all that is built on it. Nothing here waits for real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_runtime::bus::{BusBuilder, Cause, Health};
use cache_runtime::dedup::Reservation;
use cache_runtime::testing::Network;
use cache_runtime::{
    Bus, CoherentCache, Cooldown, Dedup, Evict, ManualClock, RedisCache, RedisCooldown, Snapshot,
    TtlCache, audit, defaults,
};
use support::{eventually, within};

use crate::{MILLISECOND, MINUTE, UserEvent, Users, just_before, names, user};

const SECOND: Duration = Duration::from_secs(1);

fn driven(clock: &ManualClock) -> Bus {
    Bus::local().clock(clock).connect_lazy().unwrap()
}

#[tokio::test]
async fn a_cache_expires_and_the_bus_stays_live() {
    let clock = ManualClock::new();
    let bus = driven(&clock);
    let cache = names(&bus);
    bus.ready().await.unwrap();
    for _ in 0..3 {
        cache.get_or_load(&1, || async { 1 }).await;
        clock.advance(just_before(MINUTE));
        assert_eq!(bus.health(), Health::Live);
        assert_eq!(cache.get(&1), Some(1));
        clock.advance(MILLISECOND);
        assert_eq!(bus.health(), Health::Live);
        assert_eq!(cache.get(&1), None);
    }
    assert_eq!(clock.elapsed(), 3 * MINUTE);
    assert_eq!(cache.stats().evictions.flush, 0, "no lease has ended");
}

#[tokio::test]
async fn a_lease_ends_to_the_millisecond() {
    let clock = ManualClock::new();
    let bus = driven(&clock);
    let cache = names(&bus);
    bus.ready().await.unwrap();
    cache.get_or_load(&1, || async { 1 }).await;
    let network = Network::of(&bus);
    network.silence();
    clock.advance(just_before(defaults::LEASE));
    assert!(bus.health().is_live());
    assert_eq!(cache.get(&1), Some(1));
    clock.advance(MILLISECOND);
    assert!(matches!(bus.health(), Health::Down(_)));
    assert_eq!((cache.get(&1), cache.len()), (None, 0));

    // As long as it is down, it tries to connect, and time alone brings nothing back.
    clock.advance(MINUTE);
    assert!(matches!(bus.health(), Health::Down(Cause::Timeout(_))));
    within("live again", network.reconnect()).await;
    cache.get_or_load(&1, || async { 2 }).await;
    clock.advance(SECOND);
    assert_eq!(cache.get(&1), Some(2));
}

#[tokio::test]
async fn what_stands_in_for_redis_expires_by_it() {
    let clock = ManualClock::new();
    let bus = driven(&clock);
    let there = bus.another_instance();
    let models = RedisCache::<u32>::builder(&bus, "models", MINUTE).build();
    let copied = RedisCache::<u32>::builder(&bus, "copied", MINUTE).memory(SECOND, 10);
    let (models, copied) = (models.unwrap(), copied.build().unwrap());
    let requests = Dedup::builder(&there, "requests").build().unwrap();
    let notified = RedisCooldown::builder(&bus, "notified", MINUTE).build();
    let notified = notified.unwrap();
    assert!(notified.try_start("ada").await.unwrap().is_started());
    models.insert("all", 1).await.unwrap();
    copied.insert("all", 1).await.unwrap();
    let reserved = requests.reserve("1", "me").await.unwrap();
    assert_eq!(reserved, Reservation::Reserved);

    clock.advance(just_before(defaults::DEDUP_TTL));
    let other = requests.reserve("1", "you").await.unwrap();
    assert!(matches!(other, Reservation::Duplicate { .. }));
    clock.advance(MILLISECOND);
    let other = requests.reserve("1", "you").await.unwrap();
    assert_eq!(other, Reservation::Reserved);

    clock.advance(just_before(MINUTE.saturating_sub(defaults::DEDUP_TTL)));
    assert_eq!(notified.remaining("ada").await.unwrap(), Some(MILLISECOND));
    assert_eq!(models.get("all").await.unwrap(), Some(1));
    assert_eq!(copied.get("all").await.unwrap(), Some(1));
    assert_eq!(copied.stats().redis_hits, 1, "the copy has expired");
    clock.advance(MILLISECOND);
    assert_eq!(models.get("all").await.unwrap(), None);
    assert_eq!(copied.get("all").await.unwrap(), None);
    assert!(notified.try_start("ada").await.unwrap().is_started());
}

#[tokio::test]
async fn redis_counts_as_away_by_it() {
    let clock = ManualClock::new();
    let bus = driven(&clock);
    let models = RedisCache::<u32>::builder(&bus, "models", MINUTE).build();
    let models = models.unwrap();
    let network = Network::of(&bus);
    network.disconnect().await;
    assert!(models.lookup("all").await.is_err());
    network.reconnect().await;
    assert!(models.lookup("all").await.is_err(), "it is not asked yet");
    clock.advance(SECOND);
    assert!(models.lookup("all").await.is_ok());
}

/// Nothing is subscribed here, so no health tells the outbox that the network is back.
#[tokio::test]
async fn the_outbox_sends_again_by_it() {
    let clock = ManualClock::new();
    let here = driven(&clock);
    let there = here.another_instance();
    let cache = names(&there);
    there.ready().await.unwrap();
    cache.get_or_load(&1, || async { 1 }).await;
    let network = Network::of(&here);
    network.disconnect().await;
    let error = Users::new(&here).invalidate_user(1).await.unwrap_err();
    assert!(error.is_deferred(), "{error:?}");
    clock.advance(11 * SECOND);
    assert_eq!(cache.get(&1), Some(1), "lost so far");
    let audited = audit().to_string();
    assert!(
        audited.contains("For 11 s the server has not taken them"),
        "{audited}"
    );
    network.reconnect().await;
    clock.advance(defaults::BACKOFF_MAX);
    assert_eq!(cache.get(&1), None);
}

#[tokio::test]
async fn a_snapshot_is_loaded_again_by_it() {
    let clock = ManualClock::new();
    let bus = driven(&clock);
    let loads = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&loads);
    let load = move || {
        let load = counted.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, std::io::Error>(load) }
    };
    let flags = Snapshot::builder("flags", load)
        .reload_on(&Users::new(&bus), |_| true)
        .poll(MINUTE)
        .load()
        .await
        .unwrap();
    bus.ready().await.unwrap();
    for n in 1..4 {
        // So that the task waits by now.
        eventually("a load", async || *flags.get(), |load| *load == n - 1).await;
        tokio::task::yield_now().await;
        clock.advance(just_before(MINUTE));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(loads.load(Ordering::SeqCst), n);
        clock.advance(MILLISECOND);
    }
}

#[tokio::test]
async fn publishers_wait_by_it_for_those_that_may_still_serve() {
    let clock = ManualClock::new();
    let here = driven(&clock);
    let there = here.another_instance();
    let cache = names(&there);
    there.ready().await.unwrap();
    here.settled().await.unwrap();
    cache.get_or_load(&1, || async { 1 }).await;
    Network::of(&there).silence();
    let users = Users::new(&here);
    let (settled, ()) = tokio::join!(users.invalidate_user(1).confirmed(), async {
        assert_eq!(cache.get(&1), Some(1));
        // The server counts in whole milliseconds.
        clock.advance(defaults::LEASE + MILLISECOND);
    });
    let confirmed = settled.unwrap();
    assert_eq!(confirmed.settled().expired().len(), 1, "{confirmed:?}");
    assert_eq!(cache.get(&1), None);
}

#[tokio::test]
async fn an_inline_subscriber_may_move_it() {
    let clock = ManualClock::new();
    let bus = driven(&clock);
    let users = Users::new(&bus.another_instance());
    let moved = clock.clone();
    let _inline = users.subscribe_inline(move |event| {
        if *event == user(1) {
            moved.advance(SECOND);
        }
    });
    users.ready().await.unwrap();
    Users::new(&bus).invalidate_user(1).await.unwrap();
    clock.advance(SECOND);
    assert_eq!(clock.elapsed(), 2 * SECOND);
}

/// The other clock has not been moved, whichever was named first.
#[tokio::test]
async fn a_cache_may_have_a_clock_of_its_own() {
    let (clock, other) = (ManualClock::new(), ManualClock::new());
    let bus = driven(&clock);
    let users = Users::new(&bus);
    let evict = |_: &UserEvent| Evict::<u64>::All;
    let builder = || CoherentCache::<u64, u32>::builder("names", MINUTE);
    let first = builder().clock(&other).evict_on(&users, evict).build();
    let last = builder().evict_on(&users, evict).clock(&other).build();
    bus.ready().await.unwrap();
    for cache in [first.unwrap(), last.unwrap()] {
        cache.get_or_load(&1, || async { 1 }).await;
        clock.advance(2 * MINUTE);
        assert_eq!(cache.get(&1), Some(1));
        other.advance(MINUTE);
        assert_eq!(cache.get(&1), None);
    }
}

#[tokio::test]
async fn what_needs_no_bus_takes_the_same_clock() {
    let clock = ManualClock::new();
    let _bus = driven(&clock);
    let pages = TtlCache::builder("pages", MINUTE).clock(&clock).build();
    let pages: TtlCache<u64, u32> = pages.unwrap();
    let notified = Cooldown::<u64>::builder("notified", MINUTE).clock(&clock);
    let notified = notified.build().unwrap();
    pages.insert(1, 1);
    assert!(notified.try_start(&1).is_started());
    clock.advance(just_before(MINUTE));
    assert_eq!(pages.get(&1), Some(1));
    assert!(!notified.try_start(&1).is_started());
    clock.advance(MILLISECOND);
    assert_eq!(pages.get(&1), None);
    assert!(notified.try_start(&1).is_started());
}

#[tokio::test]
async fn only_a_bus_in_process_is_driven_by_a_clock() {
    let clock = ManualClock::new();
    let builder: BusBuilder = Bus::redis("redis://127.0.0.1:1").clock(&clock);
    let error = builder.connect_lazy().unwrap_err();
    assert!(matches!(error.cause(), Cause::Settings(_)), "{error:?}");
}
