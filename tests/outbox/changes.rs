//! Events that are taken before a transaction, and published after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use cache_runtime::{Bus, cache_invalidation};
use support::{Server, eventually, within};

use crate::fixture::{LONG, Place, Reader, UserEvent, deferred, patient, user};
use crate::log;

#[cache_invalidation(channel = "cache:dropped", event = UserEvent)]
struct Dropped;

/// How often a user's event was received.
fn heard(reader: &Reader, user_id: u64) -> usize {
    let seen = reader.seen.seen();
    seen.iter().filter(|event| **event == user(user_id)).count()
}

#[tokio::test]
async fn evict_here_and_publish_when_committed() {
    let place = Place::new().await;
    let reader = &place.reader;
    reader.fill(1).await;
    let change = reader.users.begin_change(user(1));
    assert_eq!(reader.cache.get(&1), Some("old"), "nothing has changed yet");
    let publishing = change.committed();
    assert_eq!(reader.cache.get(&1), None, "even before it is awaited");
    publishing.await.unwrap();
    reader.hears(user(1)).await;
    let stats = reader.users.stats();
    assert_eq!((stats.published, stats.deferred), (1, 0), "{stats:?}");
}

#[tokio::test]
async fn do_nothing_when_rolled_back() {
    let reader = Reader::in_process().await;
    reader.fill(1).await;
    reader.users.begin_change(user(1)).rolled_back();
    let lagging = reader.users.begin_change(user(1));
    lagging.replica_lag(Duration::ZERO).rolled_back();
    assert_eq!(reader.cache.get(&1), Some("old"));
    let stats = reader.users.stats();
    assert_eq!(
        (stats.published, stats.deferred, stats.undecided),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn are_sent_when_it_is_unknown_whether_they_have_committed() {
    let place = Place::new().await;
    let reader = &place.reader;
    let on_redis = Reader::on(patient(&place.server.url()).connect().await.unwrap()).await;
    for here in [on_redis, Reader::in_process().await] {
        here.fill(1).await;
        drop(here.users.begin_change(user(1)));
        assert_eq!(here.cache.get(&1), None);
        here.hears(user(1)).await;
        let panics = || {
            let _change = here.users.begin_change(user(2));
            panic!("the transaction panics, as this test wants");
        };
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        here.hears(user(2)).await;
        assert_eq!(here.users.stats().undecided, 2);
        // Known to have committed, but not awaited.
        drop(here.users.begin_change(user(3)).committed());
        here.hears(user(3)).await;
        assert_eq!(here.users.stats().undecided, 2);
    }
    for user_id in 1..=3 {
        reader.hears(user(user_id)).await;
    }
}

#[tokio::test]
async fn are_deferred_like_other_events() {
    let place = Place::new().await;
    let (first, second) = (
        place.users.begin_change(user(1)),
        place.users.begin_change(user(2)),
    );
    place.cut_off();
    deferred(first.committed().await);
    drop(second);
    place.proxy.heal();
    place.reader.hears(user(1)).await;
    place.reader.hears(user(2)).await;
    place.sent().await;
}

/// The log says so too, where the event is not sent.
#[tokio::test]
async fn that_are_dropped_say_what_becomes_of_their_event() {
    log::start();
    let server = Server::start().await;
    let bus = || Bus::redis(server.url());
    let sent = "; its event is sent";
    let cases = [
        (
            bus().namespace("kept").connect_lazy().unwrap(),
            "kept",
            sent,
        ),
        (
            bus()
                .namespace("large")
                .max_payload(5)
                .connect_lazy()
                .unwrap(),
            "large",
            "is refused and will not be sent: the payload has",
        ),
        (
            bus().namespace("off").outbox(0, 0).connect_lazy().unwrap(),
            "off",
            "; its event is not sent",
        ),
    ];
    for (bus, namespace, what_follows) in cases {
        let dropped = Dropped::new(&bus);
        drop(dropped.begin_change(user(1)));
        assert_eq!(dropped.stats().undecided, 1);
        let warnings = log::warnings(&format!("{namespace}:cache:dropped"));
        let of_change = warnings
            .iter()
            .filter(|line| line.contains("a change was dropped"));
        let of_change: Vec<_> = of_change.collect();
        assert_eq!(of_change.len(), 1, "{warnings:?}");
        assert!(of_change[0].contains(what_follows), "{warnings:?}");
        assert_eq!(of_change[0].contains(sent), namespace == "kept");
    }
}

/// The guard is gone by then.
#[tokio::test]
async fn an_event_is_published_once_more_for_a_replica() {
    let lag = Duration::from_millis(50);
    let place = Place::new().await;
    let on_redis = Reader::on(patient(&place.server.url()).connect().await.unwrap()).await;
    for here in [on_redis, Reader::in_process().await] {
        let change = here.users.begin_change(user(1)).replica_lag(lag);
        change.committed().await.unwrap();
        let twice = async || heard(&here, 1);
        eventually("both events", twice, |heard| *heard == 2).await;
        // What was loaded from the replica meanwhile is evicted. The second event is this instance's
        // own, and yet evicts here.
        let change = here.users.begin_change(user(2)).replica_lag(LONG);
        change.committed().await.unwrap();
        here.fill(2).await;
        // One is sent for all, because one time is within the limits of each.
        for _ in 0..3 {
            let change = here.users.begin_change(user(2)).replica_lag(LONG);
            change.committed().await.unwrap();
        }
        let kept = async || here.users.stats().in_outbox();
        eventually("one event", kept, |kept| *kept == 1).await;
        // One after so much less time is sent by itself.
        let change = here.users.begin_change(user(2)).replica_lag(LONG / 4);
        change.committed().await.unwrap();
        assert_eq!(here.users.stats().in_outbox(), 2);
        // Closing sends them early.
        assert!(
            within("the end", here.bus.close_within(LONG))
                .await
                .is_empty()
        );
        assert_eq!(here.users.stats().in_outbox(), 0);
    }
    let all = async || heard(&place.reader, 2);
    eventually("the event of the closed bus", all, |heard| *heard == 6).await;
}
