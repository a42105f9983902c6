//! Whether events are proven to reach a cache, asked at every read.

use std::sync::Arc;
use std::time::Duration;

use super::WhileDisconnected;
use crate::audit::Source;
use crate::clock::{self, Clock, Nanos, nanos};
use crate::event::InvalidationEvent;
use crate::health::{Health, Lease};
use crate::service::Invalidator;

/// A channel that evicts from a cache.
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

    /// Whether events are proven to arrive. `now` counts only where it is the kernel's.
    #[inline]
    pub(in crate::cache) fn holds(&self, clock: &Clock, now: Nanos) -> bool {
        match clock {
            Clock::Kernel if self.lease.holds_at(now) => true,
            Clock::Kernel | Clock::Ticker | Clock::Manual(_) => self.is_live(),
        }
    }

    /// The bus's own clock has the last word: a test may have stopped it.
    #[cold]
    fn is_live(&self) -> bool {
        self.health().is_live()
    }

    /// Whether the cache is to be read although events are not proven to arrive.
    #[cold]
    pub(in crate::cache) fn is_dispensable(&self, policy: WhileDisconnected) -> bool {
        let within = match policy {
            WhileDisconnected::Bypass => false,
            WhileDisconnected::ServeUntilTtl => true,
            WhileDisconnected::ServeFor(time) => {
                let ended = self.lease.ended();
                ended.is_some_and(|ended| clock::precise() < ended.saturating_add(nanos(time)))
            }
        };
        within && self.health() != Health::Closed
    }

    /// How long it may take to notice that events no longer arrive.
    pub(in crate::cache) fn lease(&self) -> Duration {
        self.lease_time
    }

    pub(in crate::cache) fn health(&self) -> Health {
        self.source.health()
    }

    /// What is known of the channel's events.
    pub(in crate::cache) fn source(&self) -> &Source {
        &self.source
    }
}
