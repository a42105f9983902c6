//! A hash of what the future of a link depends on, for a search through all its states.
//!
//! Times are counted from now, and canaries from the next one, so that a state which comes again
//! later is recognised. Each part is taken apart completely, so that none of its fields is forgotten.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::time::Duration;

use super::timings::Timings;
use crate::health::{Cause, Health};

/// Collects the state of a link.
pub(super) struct Digest<'a, H> {
    pub(super) timings: &'a Timings,
    now: Duration,
    /// The link is fed only at multiples of this time.
    tick: Duration,
    /// The number of the next canary.
    next: u64,
    hasher: &'a mut H,
}

impl<'a, H: Hasher> Digest<'a, H> {
    pub(super) fn new(
        timings: &'a Timings,
        now: Duration,
        tick: Duration,
        next: u64,
        hasher: &'a mut H,
    ) -> Self {
        Self {
            timings,
            now,
            tick,
            next,
            hasher,
        }
    }

    pub(super) fn add(&mut self, part: impl Hash) {
        part.hash(self.hasher);
    }

    /// A time at which something becomes due. All that is due already is the same.
    pub(super) fn due(&mut self, at: Option<Duration>) {
        let ticks = at.map(|at| {
            let left = at.saturating_sub(self.now);
            left.as_nanos().div_ceil(self.tick.as_nanos())
        });
        self.add(ticks);
    }

    /// The number of a canary.
    pub(super) fn canary(&mut self, number: Option<u64>) {
        self.add(number.map(|number| self.next - number));
    }

    pub(super) fn cause(&mut self, cause: Option<&Cause>) {
        self.add(cause.map(discriminant));
    }

    pub(super) fn health(&mut self, health: &Health) {
        self.add(discriminant(health));
        if let Health::Down(cause) = health {
            self.cause(Some(cause));
        }
    }
}
