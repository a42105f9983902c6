//! Handles, and what remains when the last one is dropped.

use std::sync::Arc;

use cache_runtime::Bus;
use cache_runtime::bus::Health;
use cache_runtime::snapshot::StaleCause;
use support::{block_on, eventually, until, within};
use tokio::runtime::Runtime;

use crate::{Flags, MILLISECOND, Source, asks, cause, fresh, held, live};

async fn idle(bus: &Bus) {
    let mut health = bus.watch_health();
    let idle = |health: &Health| *health == Health::Idle;
    until("nothing to be subscribed", &mut health, idle).await;
}

/// Waits until nothing but the test holds the source.
async fn released(source: &Arc<Source>) {
    let held = async || Arc::strong_count(source);
    eventually("the loader to be dropped", held, |held| *held == 1).await;
}

#[tokio::test]
async fn ends_with_the_last_handle() {
    let (bus, source) = (Bus::in_process(), Source::new());
    let (_flags, snapshot) = live(&bus, &source).await;
    let (clone, mut reader) = (snapshot.clone(), snapshot.reader());
    drop((snapshot, clone));
    let version = source.change();
    let there = Flags::new(&bus.another_instance());
    there.invalidate_flag("a").await.unwrap();
    within("a reader to be a handle", async {
        while **reader.changed().await != version {}
    })
    .await;
    drop(reader);
    released(&source).await;
    idle(&bus).await;
}

#[tokio::test]
async fn ends_during_a_load() {
    let (bus, source) = (Bus::in_process(), Source::gated());
    source.pass(100);
    let (flags, snapshot) = live(&bus, &source).await;
    let gate = source.gate.as_ref().unwrap();
    gate.forget_permits(gate.available_permits());
    let loads = source.loads();
    flags.invalidate_flag("a").await.unwrap();
    source.begun(loads + 1).await;
    drop(snapshot);
    released(&source).await;
    idle(&bus).await;
}

#[tokio::test]
async fn begins_with_the_first_load() {
    let (bus, source) = (Bus::in_process(), Source::gated());
    let flags = Flags::new(&bus);
    let loading = tokio::spawn(source.builder().reload_on(&flags, asks).load());
    source.begun(1).await;
    loading.abort();
    released(&source).await;
    idle(&bus).await;
}

/// A caller that gives up leaves a load behind, and nothing else.
#[tokio::test]
async fn is_longer_than_that_of_a_caller() {
    let (source, _flags, snapshot) = held().await;
    let loads = source.loads();
    let calling = {
        let snapshot = snapshot.clone();
        tokio::spawn(async move { snapshot.reload().await })
    };
    source.begun(loads + 1).await;
    calling.abort();
    assert!(calling.await.unwrap_err().is_cancelled());
    source.pass(100);
    assert!(within("another load", snapshot.reload()).await.is_ok());
    assert_eq!(source.loads(), loads + 2);
}

#[test]
fn of_the_runtime_may_be_shorter() {
    let (bus, source) = (Bus::in_process(), Source::new());
    let runtime = Runtime::new().unwrap();
    let (flags, snapshot) = runtime.block_on(live(&bus, &source));
    drop(runtime);
    assert!(snapshot.freshness().is_fresh(), "no event has come");
    block_on(async { flags.invalidate_flag("a").await.unwrap() });
    assert!(matches!(cause(&snapshot), StaleCause::Ended));
    assert_eq!(*snapshot.get(), 0);
    let error = block_on(snapshot.get_fresh()).unwrap_err();
    assert!(error.is_ended());
}

#[test]
fn needs_no_runtime() {
    let source = Source::new();
    let (bus, version) = (Bus::in_process(), 1);
    let flags = Flags::new(&bus);
    block_on(async {
        let snapshot = source.builder().reload_on(&flags, asks).load();
        let snapshot = snapshot.await.unwrap();
        bus.ready().await.unwrap();
        source.change();
        flags.invalidate_flag("a").await.unwrap();
        assert_eq!(*snapshot.get_fresh().await.unwrap(), version);
    });
}

#[tokio::test]
async fn of_the_bus_may_be_shorter() {
    let (bus, source) = (Bus::in_process(), Source::new());
    let flags = Flags::new(&bus);
    let snapshot = source.builder().reload_on(&flags, asks).poll(MILLISECOND);
    let snapshot = snapshot.load().await.unwrap();
    bus.ready().await.unwrap();
    fresh(&snapshot).await;
    bus.close().await;
    assert!(matches!(
        cause(&snapshot),
        StaleCause::Unproven(Health::Closed)
    ));
    // It goes on answering, and polling.
    let version = source.change();
    let value = async || *snapshot.get();
    eventually("the next poll", value, |value| *value == version).await;
    assert!(!snapshot.freshness().is_fresh());
    assert_eq!(snapshot.health(), Health::Closed);
}
