//! The lease of a bus: until when canaries prove that events arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{self, Nanos, nanos};
use crate::health::ProvenUntil;

/// Its clock starts with the bus. On Linux and Android it goes on while the machine sleeps, so a
/// lease can end during sleep.
#[derive(Debug)]
pub(super) struct Lease {
    start: Nanos,
    length: Duration,
    until: AtomicU64,
    /// The end of the lease on the clocks that caches read.
    proven: Arc<ProvenUntil>,
}

impl Lease {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            start: clock::asleep_too(),
            length,
            until: AtomicU64::new(0),
            proven: Arc::default(),
        }
    }

    /// Time since the bus was built.
    pub(super) fn now(&self) -> Duration {
        Duration::from_nanos(clock::asleep_too().saturating_sub(self.start))
    }

    /// A canary proves that events arrive until then.
    pub(super) fn renew(&self, until: Duration) {
        self.until.store(nanos(until), Ordering::Release);
        let left = || until.saturating_sub(self.now());
        self.proven.renew(left, self.length);
    }

    /// Whether it has not run out.
    pub(super) fn holds(&self) -> bool {
        nanos(self.now()) < self.until.load(Ordering::Acquire)
    }

    pub(super) fn proven(&self) -> Arc<ProvenUntil> {
        Arc::clone(&self.proven)
    }
}
