//! What audits show of a snapshot.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::audit::{Kind, Risk, Row, State};
use cache_runtime::{Bus, ManualClock, Snapshot, audit, cache_invalidation};
use support::eventually;

use crate::{FlagEvent, HOUR, MILLISECOND, Source, asks, fresh};

#[cache_invalidation(channel = "cache:snapshot-audited", event = FlagEvent)]
struct Audited;

fn row(name: &str) -> Row {
    let rows = audit();
    let row = rows.rows().iter().find(|row| row.name == name);
    row.unwrap_or_else(|| panic!("no row {name} in {rows}"))
        .clone()
}

fn flags(name: &str) -> Vec<String> {
    let flags = row(name).flags;
    flags.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn with_events_and_loads_that_fail() {
    let (bus, clock, source) = (Bus::in_process(), ManualClock::new(), Source::new());
    let service = Audited::new(&bus);
    let load = {
        let source = Arc::clone(&source);
        move || Arc::clone(&source).load()
    };
    let snapshot = Snapshot::builder("audited-flags", load)
        .reload_interval(MILLISECOND)
        .backoff(HOUR, HOUR)
        .reload_on(&service, asks)
        .clock(&clock);
    let snapshot = snapshot.load().await.unwrap();
    bus.ready().await.unwrap();
    service.invalidate_flag("a").await.unwrap();
    service.invalidate_renamed().await.unwrap();
    fresh(&snapshot).await;
    clock.advance(Duration::from_secs(3));

    let found = row("audited-flags");
    assert_eq!((found.kind, found.risk), (Kind::Snapshot, Risk::None));
    assert_eq!((found.state, found.ttl), (State::Live, None));
    assert_eq!(found.entries, Some(1));
    assert!(found.place.file.ends_with("audited.rs"));
    let reloads = found.reloads.unwrap();
    assert_eq!(reloads.last_success, Some(Duration::from_secs(3)));
    assert_eq!((reloads.failures, reloads.failing_for), (0, None));
    assert_eq!(flags("audited-flags"), [""; 0]);
    let table = audit().to_string();
    assert!(
        table.contains("loaded by cache:snapshot-audited: flag, all, but not by renamed"),
        "{table}"
    );
    assert!(table.contains("loaded 3 s ago"), "{table}");
    let idle = flags("cache:snapshot-audited");
    assert!(
        idle[0].contains("`reload_on` of `audited-flags` returns false"),
        "{idle:?}"
    );

    source.fail(true);
    service.invalidate_flag("a").await.unwrap();
    let failures = async || snapshot.stats().failures_in_a_row;
    eventually("a failure", failures, |failures| *failures == 1).await;
    clock.advance(Duration::from_secs(59));
    let found = row("audited-flags");
    assert_eq!(found.risk, Risk::Critical);
    assert!(matches!(found.state, State::Down(_)), "{:?}", found.state);
    assert_eq!(flags("audited-flags"), [""; 0], "not for long");
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        flags("audited-flags"),
        [
            "critical: audited-flags: it could not be loaded for 1 min; its old value is read meanwhile. \
             Loads that have failed: 1, the last one because: snapshot `audited-flags` could not be loaded: \
             the loader failed: as the test wants it"
        ]
    );
    let json = audit().to_json();
    assert!(
        json.contains(r#""reloads":{"lastSuccessMs":63000,"failures":1,"failingForMs":60000"#),
        "{json}"
    );

    source.fail(false);
    snapshot.reload().await.unwrap();
    fresh(&snapshot).await;
    assert_eq!(flags("audited-flags"), [""; 0]);

    bus.close().await;
    let found = row("audited-flags");
    assert_eq!(found.risk, Risk::Critical);
    assert!(matches!(found.state, State::Unproven(_)));
    drop(snapshot);
    assert!(!audit().rows().iter().any(|row| row.name == "audited-flags"));
}

#[tokio::test]
async fn without_events() {
    let load = || async { Ok::<_, std::convert::Infallible>(1) };
    let polled = Snapshot::builder("audited-polled", load).poll(HOUR);
    let _polled = polled.load().await.unwrap();
    let found = row("audited-polled");
    assert_eq!((found.ttl, found.risk), (Some(HOUR), Risk::Minor));
    assert_eq!(found.state, State::Local);
    assert_eq!(found.why, "an instance may be behind another by up to 1 h");
}
