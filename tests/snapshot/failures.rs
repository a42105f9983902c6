//! Loads that fail, panic or hang, and settings that are unusable.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::time::Duration;

use cache_runtime::snapshot::{LoadError, StaleCause, WhileDown};
use cache_runtime::{Bus, Snapshot};
use support::{eventually, within};

use crate::{Flags, HOUR, MILLISECOND, Source, asks, cause, fresh, live};

async fn first(source: &std::sync::Arc<Source>) -> LoadError {
    let loading = source.builder().poll(HOUR).load().await;
    loading.expect_err("the first load fails")
}

#[tokio::test]
async fn of_the_first_load_are_the_caller_s() {
    let source = Source::new();
    source.fail(true);
    let error = first(&source).await;
    assert_eq!(
        format!("{error:#}"),
        "snapshot `flags` could not be loaded: the loader failed: as the test wants it"
    );
    assert_eq!(error.cache(), "flags");
    assert_eq!(error.source().unwrap().to_string(), "as the test wants it");
    assert_eq!(error.loader().unwrap().to_string(), "as the test wants it");

    source.panic(true);
    let error = first(&source).await;
    assert!(error.is_panic() && error.loader().is_none());
    assert_eq!(
        error.to_string(),
        "snapshot `flags` could not be loaded: the loader panicked"
    );

    let hangs = Snapshot::builder("hangs", pending::<Result<u64, Infallible>>);
    let hangs = hangs.poll(HOUR).load_timeout(MILLISECOND).load();
    let error = within("the limit", hangs).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(
        error.to_string(),
        "snapshot `hangs` could not be loaded: the loader has not ended within the `load_timeout` of 1ms"
    );
}

#[tokio::test]
async fn of_later_loads_keep_the_last_value() {
    for panics in [false, true] {
        let source = Source::new();
        let (flags, snapshot) = live(&Bus::in_process(), &source).await;
        let fail = |fails| {
            if panics {
                source.panic(fails);
            } else {
                source.fail(fails);
            }
        };
        fail(true);
        let version = source.change();
        flags.invalidate_flag("a").await.unwrap();
        let streak = async || snapshot.stats().failures_in_a_row;
        eventually("retries", streak, |streak| *streak >= 3).await;
        assert_eq!(*snapshot.get(), 0);
        let StaleCause::LoadFailed(error) = cause(&snapshot) else {
            panic!("expected a failure");
        };
        assert_eq!(error.is_panic(), panics);
        let failed = snapshot.get_fresh().await.unwrap_err();
        assert_eq!(failed.to_string(), error.to_string());

        fail(false);
        fresh(&snapshot).await;
        assert_eq!(*snapshot.get(), version);
        let stats = snapshot.stats();
        assert_eq!(stats.failures_in_a_row, 0);
        assert!(stats.failed_loads >= 3 && stats.loads > stats.failed_loads);
    }
}

/// Without the caller, the next attempt would be made in half an hour at the earliest.
#[tokio::test]
async fn are_not_waited_for_by_a_caller() {
    let bus = Bus::in_process();
    let source = Source::new();
    let flags = Flags::new(&bus);
    let snapshot = source.builder().backoff(HOUR, HOUR).reload_on(&flags, asks);
    let snapshot = snapshot.load().await.unwrap();
    bus.ready().await.unwrap();
    source.fail(true);
    assert!(within("a load", snapshot.reload()).await.is_err());
    source.fail(false);
    let (loads, version) = (source.loads(), source.change());
    flags.invalidate_flag("a").await.unwrap();
    assert_eq!(source.loads(), loads, "an event waits for the backoff");
    assert_eq!(
        *within("a load", snapshot.get_fresh()).await.unwrap(),
        version
    );
    fresh(&snapshot).await;
}

#[tokio::test]
async fn of_a_load_that_hangs_end_with_the_limit() {
    let source = Source::gated();
    source.pass(1);
    let snapshot = source.builder().poll(HOUR).load_timeout(MILLISECOND * 20);
    let snapshot = snapshot.load().await.unwrap();
    let error = within("the limit", snapshot.reload()).await.unwrap_err();
    assert!(error.is_timeout());
    source.pass(100);
    let streak = async || snapshot.stats().failures_in_a_row;
    eventually("a load", streak, |streak| *streak == 0).await;
}

#[tokio::test]
async fn of_settings_name_the_setting() {
    let source = Source::new();
    let polled = || source.builder().poll(HOUR);
    let unusable = [
        (
            source.builder(),
            "neither `reload_on` nor `poll` is set: expected one, or it is loaded only once",
        ),
        (
            source.builder().poll(Duration::ZERO),
            "poll of 0ns: expected at least 1 ms and at most a year",
        ),
        (
            polled().while_down(WhileDown::Poll(Duration::ZERO)),
            "while_down: `Poll` of 0ns: expected at least 1 ms and at most a year",
        ),
        (
            polled().reload_interval(Duration::ZERO),
            "reload_interval of 0ns: expected at least 1 ms and at most a year",
        ),
        (
            polled().load_timeout(Duration::MAX),
            &format!(
                "load_timeout of {:?}: expected at least 1 ms and at most a year",
                Duration::MAX
            ),
        ),
        (
            polled().backoff(HOUR, MILLISECOND),
            "backoff from 3600s to 1ms: expected the longer one last",
        ),
    ];
    for (builder, expected) in unusable {
        let error = builder.load().await.unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            format!(
                "snapshot `flags` could not be loaded: a setting is unusable: cache `flags` cannot be \
                 built: {expected}"
            )
        );
        assert_eq!(error.settings().unwrap().cache(), "flags");
    }
    assert_eq!(source.loads(), 0);
}
