//! The lease of a link: until when canaries prove that events arrive.

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use crate::clock::{Nanos, nanos};
use crate::driver::Driver;
use crate::health::ProvenUntil;
use crate::settings::Settings;

/// Its clock starts with the link. On Linux and Android it goes on while the machine sleeps, so a
/// lease can end during sleep.
#[derive(Debug)]
pub(super) struct Lease {
    start: Nanos,
    length: Duration,
    /// The end of the lease on the clocks that caches read.
    proven: Arc<ProvenUntil>,
    counters: Arc<Counters>,
    driver: Driver,
}

impl Lease {
    pub(super) fn new(settings: &Settings, counters: Arc<Counters>) -> Self {
        let driver = settings.driver.clone();
        Self {
            start: driver.now(),
            length: settings.lease,
            proven: Arc::new(ProvenUntil::new(&driver)),
            counters,
            driver,
        }
    }

    /// Time since the link was made.
    pub(super) fn now(&self) -> Duration {
        Duration::from_nanos(self.driver.now().saturating_sub(self.start))
    }

    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// A canary proves that events arrive until then.
    pub(super) fn renew(&self, until: Nanos) {
        self.proven.renew(until, self.length);
    }

    /// The counters of the bus.
    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A time of the link, on the clock that it is measured on.
    pub(super) fn at(&self, time: Duration) -> Nanos {
        self.start + nanos(time)
    }

    pub(super) fn proven(&self) -> Arc<ProvenUntil> {
        Arc::clone(&self.proven)
    }
}
