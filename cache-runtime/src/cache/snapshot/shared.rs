//! What the handles of a snapshot and its task share.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::error::{LoadError, Reason};
use super::freshness::{Freshness, StaleCause};
use super::load::{Attempt, Began, Loader};
use super::policy::WhileDown;
use super::stats::SnapshotStats;
use crate::cache::coherent::proof::{self, Proof};
use crate::clock::Nanos;
use crate::remedy::Remedy;
use crate::sync::Mutex;

pub(super) struct Shared<T> {
    pub(super) place: &'static Location<'static>,
    pub(super) loader: Loader<T>,
    pub(super) proofs: Box<[Proof]>,
    pub(super) policy: WhileDown,
    pub(super) poll: Option<Duration>,
    pub(super) value: watch::Sender<Arc<T>>,
    /// How many changes the value covers.
    covered: AtomicU64,
    record: Mutex<Record>,
    /// For callers that wait for a load.
    pub(super) settled: watch::Sender<Settled>,
}

/// The loads so far.
pub(super) struct Record {
    /// When the load of the value began.
    pub(super) loaded: Nanos,
    /// How many loads have failed since then.
    pub(super) failures: u64,
    /// When the first of them ended, and the error of the last one.
    pub(super) failing: Option<(Nanos, LoadError)>,
}

/// What has become of the callers' loads.
#[derive(Default)]
pub(super) struct Settled {
    /// A load has ended that began for the callers up to this number.
    pub(super) asked: u64,
    /// Its error, if it failed.
    pub(super) error: Option<LoadError>,
    /// No further load begins.
    pub(super) ended: bool,
}

impl<T> Shared<T> {
    pub(super) fn new(
        place: &'static Location<'static>,
        loader: Loader<T>,
        proofs: Box<[Proof]>,
        (policy, poll): (WhileDown, Option<Duration>),
        (value, began): (T, Began),
    ) -> Self {
        Self {
            place,
            loader,
            proofs,
            policy,
            poll,
            value: watch::Sender::new(Arc::new(value)),
            covered: AtomicU64::new(began.covers),
            record: Mutex::new(Record {
                loaded: began.age_from,
                failures: 0,
                failing: None,
            }),
            settled: watch::Sender::default(),
        }
    }

    /// Takes the outcome of a load; returns whether it has succeeded.
    pub(super) fn take(&self, attempt: Attempt<T>) -> bool {
        let Attempt { began, result } = attempt;
        let error = match result {
            Ok(value) => {
                // Before `covered`: a reader that finds a change covered finds the value, too.
                let old = self.value.send_replace(Arc::new(value));
                self.covered.store(began.covers, Ordering::SeqCst);
                *self.record.lock() = Record {
                    loaded: began.age_from,
                    failures: 0,
                    failing: None,
                };
                drop(old);
                None
            }
            Err(error) => {
                let now = self.loader.now();
                let mut record = self.record.lock();
                record.failures += 1;
                let since = record.failing.as_ref().map_or(now, |(since, _)| *since);
                record.failing = Some((since, error.clone()));
                Some(error)
            }
        };
        let succeeded = error.is_none();
        self.settled.send_modify(|settled| {
            settled.asked = began.asked;
            settled.error = error;
        });
        succeeded
    }

    /// Whether the value that is read next is proven to be current.
    ///
    /// The order counts. The proof is asked first: a loss that comes after it belongs to a later time.
    /// `covered` never exceeds the changes, so if they are equal now, they were when it was read.
    pub(super) fn is_fresh(&self) -> bool {
        let proven = self.is_proven() || !Remedy::Bypass.applies();
        let covered = self.covered.load(Ordering::SeqCst);
        proven && !self.proofs.is_empty() && covered == self.loader.signals.changes()
    }

    /// Whether the events of all channels are proven to arrive.
    pub(super) fn is_proven(&self) -> bool {
        let clock = &self.loader.clock;
        let now = clock.now();
        self.proofs.iter().all(|proof| proof.holds(clock, now))
    }

    pub(super) fn freshness(&self) -> Freshness {
        if self.is_fresh() {
            return Freshness::Fresh;
        }
        let health = proof::health(self.proofs.iter());
        let record = self.record.lock();
        let cause = match &record.failing {
            _ if self.settled.borrow().ended => StaleCause::Ended,
            _ if !health.is_live() => StaleCause::Unproven(health),
            Some((_, error)) => StaleCause::LoadFailed(error.clone()),
            None if self.proofs.is_empty() => StaleCause::Polled,
            None => StaleCause::Changed,
        };
        Freshness::Stale {
            age: self.since(record.loaded),
            cause,
        }
    }

    /// Waits for a load that begins from now on.
    pub(super) async fn reload(&self) -> Result<Arc<T>, LoadError> {
        let mut settled = self.settled.subscribe();
        let number = self.loader.signals.ask();
        let done = |settled: &Settled| settled.ended || settled.asked >= number;
        let ended = || LoadError::new(&self.loader.name, Reason::Ended);
        let Ok(settled) = settled.wait_for(done).await else {
            return Err(ended());
        };
        match &settled.error {
            _ if settled.asked < number => Err(ended()),
            Some(error) => Err(error.clone()),
            None => Ok(Arc::clone(&self.value.borrow())),
        }
    }

    pub(super) fn since(&self, time: Nanos) -> Duration {
        Duration::from_nanos(self.loader.now().saturating_sub(time))
    }

    pub(super) fn age(&self) -> Duration {
        let loaded = self.record.lock().loaded;
        self.since(loaded)
    }

    pub(super) fn with_record<R>(&self, look: impl FnOnce(&Record) -> R) -> R {
        look(&self.record.lock())
    }

    pub(super) fn stats(&self) -> SnapshotStats {
        SnapshotStats {
            failures_in_a_row: self.record.lock().failures,
            ..self.loader.signals.counters.snapshot()
        }
    }
}
