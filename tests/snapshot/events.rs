//! What events do, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::Bus;
use cache_runtime::snapshot::StaleCause;
use support::within;

use crate::{Flags, HOUR, Source, asks, cause, fresh, live};

#[tokio::test]
async fn of_this_instance_make_the_value_stale_at_once() {
    let source = Source::gated();
    source.pass(100);
    let (flags, snapshot) = live(&Bus::in_process(), &source).await;
    let mut reader = snapshot.reader();
    assert_eq!((*snapshot.get(), **reader.get()), (0, 0));

    // Begun, and not yet sent.
    let publishing = flags.invalidate_flag("dark-mode");
    assert!(snapshot.freshness().is_fresh());
    source.change();
    publishing.await.unwrap();
    assert_eq!(*within("the value", snapshot.get_fresh()).await.unwrap(), 1);
    assert_eq!((*snapshot.get(), **reader.get()), (1, 1));
}

#[tokio::test]
async fn of_another_instance_are_followed_by_a_load() {
    let bus = Bus::in_process();
    let source = Source::new();
    let (_flags, snapshot) = live(&bus, &source).await;
    let mut reader = snapshot.reader();
    let there = Flags::new(&bus.another_instance());
    let version = source.change();
    there.invalidate_flag("dark-mode").await.unwrap();
    within("another value", async {
        while **reader.changed().await != version {}
    })
    .await;
    assert_eq!(*reader.snapshot().get(), version);
    fresh(&snapshot).await;
}

#[tokio::test]
async fn that_do_not_ask_change_nothing() {
    let bus = Bus::in_process();
    let (flags, snapshot) = live(&bus, &Source::new()).await;
    let before = snapshot.stats();
    let sent = flags.invalidate_renamed().confirmed();
    within("the confirmation", sent).await.unwrap();
    assert!(snapshot.freshness().is_fresh());
    assert_eq!(snapshot.stats(), before);
}

#[tokio::test]
async fn that_flush_ask_whatever_the_closure_returns() {
    let source = Source::new();
    let (flags, snapshot) = live(&Bus::in_process(), &source).await;
    let version = source.change();
    flags.invalidate_all().await.unwrap();
    assert_eq!(*snapshot.get_fresh().await.unwrap(), version);
    fresh(&snapshot).await;
}

/// The load that is running may have read the old value.
#[tokio::test]
async fn that_come_during_a_load_are_followed_by_another() {
    let source = Source::gated();
    source.pass(100);
    let (flags, snapshot) = live(&Bus::in_process(), &source).await;
    source.pass(0);
    let gate = source.gate.as_ref().unwrap();
    gate.forget_permits(gate.available_permits());

    let loads = source.loads();
    flags.invalidate_flag("a").await.unwrap();
    source.begun(loads + 1).await;
    assert!(matches!(cause(&snapshot), StaleCause::Changed));
    // That load has read version 0.
    let version = source.change();
    flags.invalidate_flag("b").await.unwrap();
    let mut reader = snapshot.reader();
    source.pass(1);
    assert_eq!(**within("its value", reader.changed()).await, 0);
    assert!(matches!(cause(&snapshot), StaleCause::Changed));
    source.pass(100);
    assert_eq!(
        *within("the next", snapshot.get_fresh()).await.unwrap(),
        version
    );
    fresh(&snapshot).await;
}

/// Nothing else is read for it, and the events that it may have missed are followed by a load.
#[tokio::test]
async fn that_come_during_the_first_load_are_followed_by_another() {
    let bus = Bus::in_process();
    let source = Source::gated();
    let flags = Flags::new(&bus);
    let loading = tokio::spawn(source.builder().reload_on(&flags, asks).load());
    source.begun(1).await;
    let version = source.change();
    flags.invalidate_flag("a").await.unwrap();
    source.pass(1);
    let snapshot = within("the first load", loading).await.unwrap().unwrap();
    assert_eq!(*snapshot.get(), 0);
    assert!(!snapshot.freshness().is_fresh());
    source.pass(100);
    assert_eq!(
        *within("the next", snapshot.get_fresh()).await.unwrap(),
        version
    );
}

#[tokio::test]
async fn whose_closure_panics_are_followed_by_a_load() {
    let bus = Bus::in_process();
    let source = Source::new();
    let flags = Flags::new(&bus);
    let called = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&called);
    let panics = move |_: &_| {
        counted.fetch_add(1, Ordering::SeqCst);
        panic!("as the test wants it")
    };
    let snapshot = source.builder().reload_on(&flags, panics).load();
    let snapshot = snapshot.await.unwrap();
    bus.ready().await.unwrap();
    fresh(&snapshot).await;
    let version = source.change();
    flags.invalidate_renamed().await.unwrap();
    assert_eq!(*snapshot.get_fresh().await.unwrap(), version);
    assert!(called.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn of_several_services_ask_for_loads() {
    let bus = Bus::in_process();
    let source = Source::new();
    let [here, there] = [&bus, &bus.another_instance()].map(Flags::new);
    let snapshot = source
        .builder()
        .reload_on(&here, asks)
        .reload_on(&there, asks);
    let snapshot = snapshot.load().await.unwrap();
    here.ready().await.unwrap();
    there.ready().await.unwrap();
    fresh(&snapshot).await;
    for flags in [&here, &there] {
        let version = source.change();
        flags.invalidate_flag("a").await.unwrap();
        assert_eq!(*snapshot.get_fresh().await.unwrap(), version);
    }
}

#[tokio::test]
async fn are_not_needed_for_a_reload() {
    let bus = Bus::in_process();
    let source = Source::new();
    let flags = Flags::new(&bus);
    let snapshot = source.builder().reload_on(&flags, asks).poll(HOUR);
    let snapshot = snapshot.load().await.unwrap();
    let version = source.change();
    assert_eq!(*snapshot.reload().await.unwrap(), version);
}
