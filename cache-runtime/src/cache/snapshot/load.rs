//! One load of a snapshot.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::error::{BoxError, LoadError, Reason};
use super::signals::Signals;
use crate::barrier::Barriers;
use crate::cache::caught::Caught;
use crate::clock::{Clock, Instant, Nanos, asleep_too};
use crate::counters::count;
use crate::driver::Driver;
use crate::io_thread::timeout;
use crate::remedy::Remedy;

pub(super) type Loaded<T> = BoxFuture<'static, Result<T, BoxError>>;

/// Loads the value of a snapshot.
pub(super) struct Loader<T> {
    pub(super) name: Arc<str>,
    pub(super) load: Box<dyn Fn() -> Loaded<T> + Send + Sync>,
    pub(super) timeout: Duration,
    pub(super) signals: Arc<Signals>,
    /// The barriers of the channels that ask for loads.
    pub(super) barriers: Barriers,
    pub(super) clock: Clock,
    /// For the waits until the next load.
    pub(super) driver: Driver,
}

/// A load that has ended.
pub(super) struct Attempt<T> {
    pub(super) began: Began,
    pub(super) result: Result<T, LoadError>,
}

/// What was known when a load began.
#[derive(Clone, Copy)]
pub(super) struct Began {
    /// For the waits until the next load.
    pub(super) at: Instant,
    /// For the age of the value.
    pub(super) age_from: Nanos,
    /// The value covers so many changes.
    pub(super) covers: u64,
    /// The load is for the callers up to this number.
    pub(super) asked: u64,
}

impl<T> Loader<T> {
    /// Loads once.
    pub(super) async fn attempt(&self) -> Attempt<T> {
        let mut began = self.begin();
        count(&self.signals.counters.loads);
        let result = self.run().await.map_err(|reason| {
            count(&self.signals.counters.failed_loads);
            LoadError::new(&self.name, reason)
        });
        if !Remedy::LoadToken.applies() {
            began.covers = self.signals.changes();
        }
        Attempt { began, result }
    }

    fn begin(&self) -> Began {
        let asked = self.signals.asked();
        // Read before the barriers. The barrier of an event that counts here was raised before it was
        // counted: if it is not raised any more, all caches of the channel have been told. If it is, the
        // loader may read a cache that has not, so the latest change is not covered.
        let changes = self.signals.changes();
        let raised = self.barriers.raised().is_some();
        Began {
            at: self.driver.instant(),
            age_from: self.now(),
            covers: changes - u64::from(raised),
            asked,
        }
    }

    async fn run(&self) -> Result<T, Reason> {
        let load = || (self.load)();
        let Ok(loading) = catch_unwind(AssertUnwindSafe(load)) else {
            return Err(Reason::Panicked);
        };
        match timeout(self.timeout, Caught::new(loading)).await {
            Ok(Some(Ok(value))) => Ok(value),
            Ok(Some(Err(error))) => Err(Reason::Loader(error.into())),
            Ok(None) => Err(Reason::Panicked),
            Err(_) => Err(Reason::TimedOut(self.timeout)),
        }
    }

    /// The clock of ages: it goes on while the machine sleeps.
    pub(super) fn now(&self) -> Nanos {
        match &self.clock {
            Clock::Manual(_) => self.clock.now(),
            Clock::Kernel | Clock::Ticker => asleep_too(),
        }
    }
}
