//! What the handles of a coherent cache share.

use std::future::pending;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;

use super::policy::WhileDown;
use super::proof::{self, Proof};
use crate::audit::{Audited, Described, Kind, Source, State};
use crate::cache::memory::{Engine, Loads, Reclaiming, Storing};
use crate::clock::Nanos;
use crate::driver::Driver;
use crate::health::Health;
use crate::remedy::Remedy;
use crate::service::Subscription;
use crate::sync::Mutex;

/// How often it is checked again whether a cache may be read, although no channel tells of a change: a
/// lease, or the time of `WhileDown::ServeFor`, ends without a change of health, so its renewal may be
/// none either.
const RECHECK: Duration = Duration::from_secs(1);

pub(super) struct Shared<K: Hash + Eq, V: Clone> {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) engine: Engine<K, V>,
    pub(super) proofs: Box<[Proof]>,
    pub(super) policy: WhileDown,
    pub(super) reclaiming: Reclaiming,
    /// Until the last handle of the cache is dropped.
    pub(super) subscriptions: Mutex<Vec<Subscription>>,
}

impl<K, V> Shared<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Whether the cache may be read.
    #[inline]
    pub(super) fn serves(&self, now: Nanos) -> bool {
        let clock = self.engine.clock();
        let proven = self.proofs.iter().all(|proof| proof.holds(clock, now));
        proven || self.serves_while_down(now) || !Remedy::Bypass.applies()
    }

    #[cold]
    pub(super) fn serves_while_down(&self, now: Nanos) -> bool {
        let clock = self.engine.clock();
        let policy = self.policy;
        policy != WhileDown::Bypass
            && (self.proofs.iter())
                .all(|proof| proof.holds(clock, now) || proof.is_dispensable(policy))
    }

    pub(super) fn storing(&self) -> Storing {
        Storing::when(self.is_open())
    }

    pub(super) fn is_open(&self) -> bool {
        self.serves(self.engine.clock().now())
    }

    pub(super) fn health(&self) -> Health {
        proof::health(self.proofs.iter())
    }

    pub(super) fn unsubscribe(&self) {
        // Dropped after the lock is released.
        let subscriptions = std::mem::take(&mut *self.subscriptions.lock());
        drop(subscriptions);
    }
}

impl<K, V> Loads for Shared<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Key = K;
    type Value = V;

    fn engine(&self) -> &Engine<K, V> {
        &self.engine
    }

    fn is_open(&self) -> bool {
        Self::is_open(self)
    }

    async fn until_open(&self, driver: &Driver) {
        let mut channels: Vec<_> = self.proofs.iter().map(Proof::watch_health).collect();
        while !Self::is_open(self) {
            let changes = channels.iter_mut().map(|health| {
                Box::pin(async {
                    if health.changed().await.is_err() {
                        pending::<()>().await;
                    }
                })
            });
            let _ = driver.timeout(RECHECK, select_all(changes)).await;
        }
    }
}

impl<K, V> Audited for Shared<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn describe(&self) -> Described {
        let sources = || self.proofs.iter().map(Proof::source);
        Described {
            kind: Kind::Coherent,
            evicted_by: sources().map(Source::describe).collect(),
            state: State::of(&self.health(), self.is_open()),
            bus: sources().next().map(Source::bus),
            ..self.engine.describe(self.place)
        }
    }

    #[cfg(any(feature = "metrics", feature = "otel"))]
    fn measure(&self, samples: &mut crate::telemetry::Samples) {
        self.engine.measure(Kind::Coherent, samples);
    }
}
