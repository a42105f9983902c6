//! Many events cost few loads, and do not hold loads up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_runtime::Bus;
use support::{eventually, within};

use crate::{Source, fresh, held, live};

#[tokio::test]
async fn of_a_thousand_events_cost_two_loads() {
    const EVENTS: u64 = 1_000;
    let source = Source::gated();
    source.pass(100);
    let (flags, snapshot) = live(&Bus::in_process(), &source).await;
    let gate = source.gate.as_ref().unwrap();
    gate.forget_permits(gate.available_permits());
    let (loads, changes) = (source.loads(), snapshot.stats().changes);

    flags.invalidate_flag("first").await.unwrap();
    source.begun(loads + 1).await;
    for _ in 1..EVENTS {
        source.change();
        flags.invalidate_flag("a").await.unwrap();
    }
    // Each counts when it is published and when it comes back.
    let counted = async || snapshot.stats().changes;
    eventually("all events", counted, |now| *now >= changes + 2 * EVENTS).await;
    source.pass(100);
    fresh(&snapshot).await;
    assert_eq!(*snapshot.get(), EVENTS - 1);
    assert_eq!(source.loads(), loads + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_do_not_end_do_not_hold_loads_up() {
    let source = Source::new();
    let (flags, snapshot) = live(&Bus::in_process(), &source).await;
    let stop = Arc::new(AtomicBool::new(false));
    let publish = {
        let (source, stop) = (Arc::clone(&source), Arc::clone(&stop));
        async move {
            while !stop.load(Ordering::SeqCst) {
                source.change();
                flags.invalidate_flag("a").await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    };
    let publishing = tokio::spawn(publish);
    let mut reader = snapshot.reader();
    let mut last = 0;
    for _ in 0..20 {
        let version = **within("a newer value", reader.changed()).await;
        assert!(version >= last, "{version} after {last}");
        last = version;
    }
    assert!(last > 0);
    stop.store(true, Ordering::SeqCst);
    publishing.await.unwrap();
    fresh(&snapshot).await;
    assert_eq!(*snapshot.get(), source.version());
}

#[tokio::test]
async fn of_callers_share_a_load() {
    let (source, _flags, snapshot) = held().await;
    let loads = source.loads();
    let call = || {
        let snapshot = snapshot.clone();
        tokio::spawn(async move { snapshot.reload().await })
    };
    let first = call();
    source.begun(loads + 1).await;
    let version = source.change();
    let others: Vec<_> = (0..10).map(|_| call()).collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    source.pass(1);
    assert_eq!(*within("the first load", first).await.unwrap().unwrap(), 0);
    // They have come after that load had begun.
    assert!(others.iter().all(|other| !other.is_finished()));
    source.pass(1);
    for other in others {
        assert_eq!(
            *within("their load", other).await.unwrap().unwrap(),
            version
        );
    }
    assert_eq!(source.loads(), loads + 2);
}
