//! Whether events are proven to reach a cache, asked at every read.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::policy::WhileDown;
use crate::audit::Source;
use crate::clock::{Clock, Nanos, nanos};
use crate::event::InvalidationEvent;
use crate::health::{Health, Lease};
use crate::remedy::Remedy;
use crate::service::Invalidator;

/// A channel that evicts from a cache, and whether its events are proven to arrive.
pub(in crate::cache) struct Proof {
    lease: Arc<Lease>,
    lease_time: Duration,
    source: Source,
}

impl Proof {
    pub(in crate::cache) fn new<E: InvalidationEvent>(invalidator: &Invalidator<E>) -> Self {
        Self {
            lease: Invalidator::lease(invalidator),
            lease_time: Invalidator::lease_time(invalidator),
            source: Source::new(invalidator),
        }
    }

    /// Whether events are proven to arrive. `now` is used only if `clock` is the kernel's.
    #[inline]
    pub(in crate::cache) fn holds(&self, clock: &Clock, now: Nanos) -> bool {
        match clock {
            Clock::Kernel if self.lease.holds_at(now) => true,
            Clock::Kernel | Clock::Ticker | Clock::Manual(_) => self.is_live(),
        }
    }

    /// Asks the bus, whose own clock decides: a test may have stopped it.
    #[cold]
    fn is_live(&self) -> bool {
        self.health().is_live()
    }

    /// Whether the policy lets the cache be read although events are not proven to arrive.
    #[cold]
    pub(in crate::cache) fn is_dispensable(&self, policy: WhileDown) -> bool {
        let within = match policy {
            WhileDown::Bypass => false,
            WhileDown::ServeUntilTtl => true,
            WhileDown::ServeFor(_) if !Remedy::ServeForEnds.applies() => true,
            WhileDown::ServeFor(time) => {
                let ended = self.lease.ended();
                ended.is_some_and(|ended| self.lease.now() < ended.saturating_add(nanos(time)))
            }
        };
        within && self.health() != Health::Closed
    }

    /// How long it can go unnoticed that events no longer arrive.
    pub(in crate::cache) fn lease_time(&self) -> Duration {
        self.lease_time
    }

    pub(in crate::cache) fn health(&self) -> Health {
        self.source.health()
    }

    /// As [`Source::watch_health`].
    pub(super) fn watch_health(&self) -> watch::Receiver<Health> {
        self.source.watch_health()
    }

    /// The channel, as audits see it.
    pub(in crate::cache) fn source(&self) -> &Source {
        &self.source
    }
}

/// The first health that is not live.
pub(in crate::cache) fn health<'a>(proofs: impl IntoIterator<Item = &'a Proof>) -> Health {
    let mut all = proofs.into_iter().map(Proof::health);
    all.find(|health| !health.is_live()).unwrap_or(Health::Live)
}
