//! Loads on schedule that fail, or that other loads hold up.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use cache_runtime::audit::Reloads;
use cache_runtime::cache::LoadTimedOut;
use cache_runtime::testing::settled;
use cache_runtime::{Bus, CoherentCache, ManualClock, audit};
use support::eventually;

use crate::schedule::{MINUTE, SECOND, Source, Then, becomes, row, scheduled};
use crate::{Cache, CacheBuilder, HOUR, Users, builder, evict, poll_once};

const SHORT: Duration = Duration::from_millis(10);

fn flags(name: &str) -> Vec<String> {
    let audit = audit();
    let flags = audit.flags().filter(|flag| flag.about == name);
    let flags = flags.map(ToString::to_string);
    flags.filter(|flag| flag.contains("loaded")).collect()
}

#[tokio::test]
async fn failures_are_audited_and_tried_again() {
    for (then, why) in [
        (Then::Fail, "the database is away"),
        (Then::Panic, "the loader panicked"),
        (Then::Wait, "it takes longer than 10s"),
    ] {
        let bus = Bus::in_process();
        let (users, clock) = (Users::new(&bus), ManualClock::new());
        let source = Source::new(then);
        let name = format!("audited: {why}");
        let cache = CoherentCache::builder(&name, HOUR).evict_on(&users, evict);
        let cache = source.schedule(cache.clock(&clock)).build().unwrap();
        bus.ready().await.unwrap();
        let reloads = async || row(&name).reloads.expect("it has a schedule");
        source.has_begun(1).await;
        clock.advance(10 * SECOND);
        let failed = |reloads: &Reloads| reloads.failures > 0;
        let found = eventually("a failure", reloads, failed).await;
        assert_eq!(found.last_success, None);
        assert_eq!(found.error, Some(format!("\"1\": {why}")));
        assert_eq!(flags(&name), [""; 0], "not for long");

        clock.advance(MINUTE);
        assert!(reloads().await.failing_for >= Some(MINUTE));
        let flagged = flags(&name);
        assert!(
            flagged[0].contains("it could not be loaded for 1 min") && flagged[0].contains(why),
            "{flagged:?}"
        );

        // A load that hangs ends first.
        source.then(Then::Load);
        let succeeded = async || {
            clock.advance(10 * SECOND);
            reloads().await
        };
        let found = eventually("a success", succeeded, |found| found.failures == 0).await;
        assert!(found.last_success.is_some());
        assert_eq!((found.failing_for, found.error), (None, None));
        assert!(cache.contains("1"));
        assert_eq!(flags(&name), [""; 0]);
    }
}

#[tokio::test]
async fn the_old_value_stays_while_loads_fail() {
    let source = Source::new(Then::Load);
    let (_bus, _users, cache, clock) = scheduled(&source).await;
    becomes(&cache, 1).await;
    source.then(Then::Fail);
    clock.advance(MINUTE);
    source.has_begun(2).await;
    // The wait after the first failure is a second at most.
    let failed = async || cache.stats().failed_loads;
    eventually("the failure", failed, |failed| *failed == 1).await;
    assert_eq!(cache.get("1"), Some(1));
    source.then(Then::Load);
    let advanced = async || {
        clock.advance(SECOND);
        cache.get("1")
    };
    eventually("the next value", advanced, |held| *held == Some(3)).await;
}

#[tokio::test]
async fn after_a_refusal_nobody_is_given_the_old_value() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let source = Source::new(Then::Load);
    let cache = source.schedule(builder(&users).clock(&clock));
    let is_outage = |error: &&str| error.contains("away");
    let cache = cache.stale_on_error_if(HOUR, is_outage).build().unwrap();
    bus.ready().await.unwrap();
    becomes(&cache, 1).await;
    for (then, failures) in [(Then::Fail, 1), (Then::Refuse, 2)] {
        source.then(then);
        clock.advance(MINUTE);
        let failed = async || cache.stats().failed_loads;
        eventually("the failure", failed, |failed| *failed == failures).await;
        let held = if failures == 1 { Some(1) } else { None };
        assert_eq!(cache.get("1"), held);
    }
    assert!(cache.is_empty());
    assert_eq!(cache.stats().evictions.removed, 1);
    let away = cache.try_get_or_load("1", async || Err("it is away")).await;
    assert!(away.is_err(), "nor after an outage");
}

/// A cache that loads `"1"` every minute, with little patience and a limit that is shorter still.
async fn impatient(
    set: impl FnOnce(CacheBuilder) -> CacheBuilder,
) -> (Bus, Users, Cache, ManualClock, Source) {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let source = Source::new(Then::Load);
    let late = |late: LoadTimedOut| late.to_string();
    let builder = source.schedule(builder(&users).clock(&clock));
    let builder = builder.load_wait(10 * SHORT).load_timeout(SHORT, late);
    let cache = set(builder).build().unwrap();
    bus.ready().await.unwrap();
    becomes(&cache, 1).await;
    (bus, users, cache, clock, source)
}

/// Of an outage that is over, the next failure does not wait for longer.
#[tokio::test]
async fn after_a_success_a_failure_is_soon_tried_again() {
    let bus = Bus::in_process();
    let (users, clock) = (Users::new(&bus), ManualClock::new());
    let source = Source::new(Then::Fail);
    let cache = CoherentCache::builder("soon", HOUR).evict_on(&users, evict);
    let _cache = source.schedule(cache.clock(&clock)).build().unwrap();
    bus.ready().await.unwrap();
    let later = async || {
        clock.advance(10 * SECOND);
        row("soon").reloads.expect("it has a schedule").failures
    };
    eventually("the longest wait", later, |failures| *failures >= 8).await;
    source.then(Then::Load);
    eventually("a success", later, |failures| *failures == 0).await;
    source.then(Then::Fail);
    eventually("a failure", later, |failures| *failures == 1).await;
    let loads = source.loads();
    clock.advance(2 * SECOND);
    source.has_begun(loads + 1).await;
}

/// The next value, while the limit of loads on schedule passes again and again.
async fn next_value(cache: &Cache, clock: &ManualClock) {
    let advanced = async || {
        clock.advance(SECOND);
        cache.get("1")
    };
    eventually("the next value", advanced, |held| *held == Some(2)).await;
}

#[tokio::test]
async fn it_waits_for_a_reader_that_hangs_no_longer_than_readers_do() {
    let (bus, users, cache, clock, source) = impatient(|builder| builder).await;
    users.invalidate_user("1").await.unwrap();
    settled(&bus).await.unwrap();
    let mut hangs = pin!(cache.get_or_load("1", pending));
    assert_eq!(poll_once(hangs.as_mut()), None);
    next_value(&cache, &clock).await;
    assert_eq!(source.loads(), 2);
    assert_eq!(poll_once(hangs), None);
}

#[tokio::test]
async fn it_waits_for_other_loads_to_end_no_longer_than_readers_do() {
    let set = |builder: CacheBuilder| builder.max_concurrent_loads(1);
    let (_bus, _users, cache, clock, source) = impatient(set).await;
    let mut hangs = pin!(cache.get_or_load("2", pending));
    assert_eq!(poll_once(hangs.as_mut()), None);
    clock.advance(MINUTE);
    next_value(&cache, &clock).await;
    assert_eq!(source.loads(), 2);
    assert_eq!(poll_once(hangs), None);
}
