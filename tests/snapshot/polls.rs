//! Sources without events.

use std::time::Duration;

use cache_runtime::ManualClock;
use cache_runtime::bus::Health;
use cache_runtime::snapshot::{Freshness, StaleCause};
use support::{eventually, within};

use crate::{HOUR, MILLISECOND, Source, cause};

#[tokio::test]
async fn load_the_value_again() {
    let source = Source::new();
    let snapshot = source.builder().poll(MILLISECOND).load().await.unwrap();
    let mut reader = snapshot.reader();
    for _ in 0..3 {
        let version = source.change();
        within("the next poll", async {
            while **reader.changed().await != version {}
        })
        .await;
    }
    assert!(matches!(cause(&snapshot), StaleCause::Polled));
    assert_eq!(snapshot.health(), Health::Live);
}

#[tokio::test]
async fn that_are_not_due_do_not() {
    let source = Source::new();
    let clock = ManualClock::new();
    let snapshot = source.builder().poll(HOUR).clock(&clock).load().await;
    let snapshot = snapshot.unwrap();
    clock.advance(Duration::from_secs(7));
    assert_eq!(snapshot.age(), Duration::from_secs(7));
    let Freshness::Stale { age, .. } = snapshot.freshness() else {
        panic!("no event proves it");
    };
    assert_eq!((age, source.loads()), (Duration::from_secs(7), 1));

    let version = source.change();
    assert_eq!(*snapshot.get_fresh().await.unwrap(), version);
    assert_eq!(snapshot.age(), Duration::ZERO);
}

#[tokio::test]
async fn that_fail_are_tried_again() {
    let source = Source::new();
    let snapshot = source.builder().poll(MILLISECOND).load().await.unwrap();
    source.fail(true);
    let reason = async || cause(&snapshot);
    let failed = |cause: &StaleCause| matches!(cause, StaleCause::LoadFailed(_));
    eventually("a failure", reason, failed).await;
    source.fail(false);
    let polled = |cause: &StaleCause| matches!(cause, StaleCause::Polled);
    eventually("a success", reason, polled).await;
}
