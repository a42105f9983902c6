//! The snapshot on a bus: what it returns, when it loads, and what it says of its value.

mod audited;
mod bursts;
mod events;
mod failures;
mod layers;
mod lifetime;
mod outage;
mod polls;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cache_runtime::snapshot::{Builder, Freshness, StaleCause};
use cache_runtime::{Bus, InvalidationEvent, Snapshot, cache_invalidation};
use support::eventually;
use tokio::sync::Semaphore;

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);

/// Flags have changed.
#[derive(Debug, InvalidationEvent)]
pub(crate) enum FlagEvent {
    Flag { name: String },
    Renamed,
    All,
}

#[cache_invalidation(channel = "cache:snapshot-flags", event = FlagEvent)]
pub(crate) struct Flags;

/// Whether an event asks for a load.
pub(crate) fn asks(event: &FlagEvent) -> bool {
    match event {
        FlagEvent::Flag { .. } => true,
        // The event that says that everything is stale counts all the same.
        FlagEvent::Renamed | FlagEvent::All => false,
    }
}

/// What is loaded: a version, which the tests change.
#[derive(Debug, Default)]
pub(crate) struct Source {
    version: AtomicU64,
    loads: AtomicU64,
    fails: AtomicBool,
    panics: AtomicBool,
    gate: Option<Semaphore>,
}

impl Source {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Each load waits until [`pass`](Self::pass) lets it return what it has read.
    pub(crate) fn gated() -> Arc<Self> {
        Arc::new(Self {
            gate: Some(Semaphore::new(0)),
            ..Self::default()
        })
    }

    pub(crate) async fn load(self: Arc<Self>) -> io::Result<u64> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "as the test wants it");
        let version = self.version();
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("it is never closed").forget();
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("as the test wants it"));
        }
        Ok(version)
    }

    pub(crate) fn pass(&self, loads: usize) {
        let gate = self.gate.as_ref().expect("it is gated");
        gate.add_permits(loads);
    }

    /// Lets no further load return.
    fn hold(&self) {
        let gate = self.gate.as_ref().expect("it is gated");
        gate.forget_permits(gate.available_permits());
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    pub(crate) fn change(&self) -> u64 {
        self.version.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn panic(&self, panics: bool) {
        self.panics.store(panics, Ordering::SeqCst);
    }

    /// How many loads have begun.
    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    /// Waits until so many loads have begun.
    pub(crate) async fn begun(&self, loads: u64) {
        let begun = async || self.loads();
        eventually("a load to begin", begun, |begun| *begun >= loads).await;
    }

    pub(crate) fn builder(self: &Arc<Self>) -> Builder<u64> {
        let source = Arc::clone(self);
        Snapshot::builder("flags", move || Arc::clone(&source).load())
            .reload_interval(MILLISECOND)
            .backoff(MILLISECOND, MILLISECOND)
    }
}

/// A snapshot on a live bus.
pub(crate) async fn live(bus: &Bus, source: &Arc<Source>) -> (Flags, Snapshot<u64>) {
    let flags = Flags::new(bus);
    let loading = source.builder().reload_on(&flags, asks).load();
    let snapshot = loading.await.expect("the loader does not fail");
    bus.ready().await.expect("nothing in the way");
    fresh(&snapshot).await;
    (flags, snapshot)
}

/// A fresh snapshot whose next loads wait until [`Source::pass`] lets them return.
pub(crate) async fn held() -> (Arc<Source>, Flags, Snapshot<u64>) {
    let source = Source::gated();
    source.pass(100);
    let (flags, snapshot) = live(&Bus::in_process(), &source).await;
    source.hold();
    (source, flags, snapshot)
}

/// Waits until the value is proven to be current.
pub(crate) async fn fresh(snapshot: &Snapshot<u64>) {
    let freshness = async || snapshot.freshness();
    eventually("a fresh value", freshness, Freshness::is_fresh).await;
}

/// Why the value is not proven to be current.
pub(crate) fn cause(snapshot: &Snapshot<u64>) -> StaleCause {
    match snapshot.freshness() {
        Freshness::Stale { cause, .. } => cause,
        other => panic!("expected a stale value, found {other:?}"),
    }
}
