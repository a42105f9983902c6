//! The health of a channel or a bus, as the supervisor last reported it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;

use super::Health;
use super::lease::{Lease, ProvenUntil};
use crate::clock::Nanos;

/// The latest health, for readers and watchers.
///
/// The supervisor learns of a first subscriber some time after it has come. Reports that it makes
/// before that do not apply to the new subscriber. So [`want`](Self::want) returns a number, and
/// only reports that name the latest number are taken.
pub(crate) struct Reported {
    health: watch::Sender<Health>,
    /// The same for caches. Changed under the lock of `health`.
    lease: Arc<Lease>,
    /// How often a first subscriber has come. Changed under the lock of `health`.
    wanted: AtomicU64,
    /// Called after every change.
    observer: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Reported {
    pub(crate) fn new(health: Health, proven: Arc<ProvenUntil>) -> Self {
        Self {
            health: watch::Sender::new(health),
            lease: Arc::new(Lease::new(proven)),
            wanted: AtomicU64::new(0),
            observer: OnceLock::new(),
        }
    }

    /// Has a function called after every change. Called at most once.
    pub(crate) fn observe(&self, observer: impl Fn() + Send + Sync + 'static) {
        // A second call changes nothing.
        let _ = self.observer.set(Box::new(observer));
    }

    fn changed(&self) {
        if let Some(observer) = self.observer.get() {
            observer();
        }
    }

    pub(crate) fn get(&self) -> Health {
        self.health.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    pub(crate) fn set(&self, health: &Health) {
        self.health.send_modify(|known| self.replace(known, health));
        self.changed();
    }

    /// As [`set`](Self::set), unless it is closed or is the same.
    pub(crate) fn settle(&self, health: &Health) {
        let changed = self.health.send_if_modified(|known| {
            let news = *known != Health::Closed && known != health;
            if news {
                self.replace(known, health);
            }
            news
        });
        if changed {
            self.changed();
        }
    }

    /// Renews the lease, unless another supervisor serves the channel by now: see
    /// [`report`](Self::report).
    pub(crate) fn renew(&self, wanted: u64, until: Nanos, lease: Duration) {
        self.health.send_if_modified(|_| {
            if self.wanted.load(Ordering::Relaxed) == wanted {
                self.lease.renew(until, lease);
            }
            false
        });
    }

    fn replace(&self, known: &mut Health, health: &Health) {
        self.lease.set(health.is_live());
        known.clone_from(health);
    }

    /// A first subscriber has come. From now on only reports with the returned number are taken.
    pub(crate) fn want(&self) -> u64 {
        let mut wanted = 0;
        self.health.send_modify(|known| {
            wanted = self.wanted.fetch_add(1, Ordering::Relaxed) + 1;
            self.replace(known, &Health::Connecting);
        });
        self.changed();
        wanted
    }

    /// Takes a report, unless it was made before the supervisor knew of the latest first
    /// subscriber.
    pub(crate) fn report(&self, wanted: u64, health: &Health) {
        let changed = self.health.send_if_modified(|known| {
            let news = self.wanted.load(Ordering::Relaxed) == wanted
                && *known != Health::Closed
                && known != health;
            if news {
                self.replace(known, health);
            }
            news
        });
        if changed {
            self.changed();
        }
    }
}
