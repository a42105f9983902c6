//! Keeps caches from storing what they load while the caches of a channel are told of an event.
//!
//! A cache may load through another cache of its channel, as a page is made of rows. The channel
//! tells them of an event one after the other, in the order in which they were built. Between two
//! of them, a read could miss in the cache that has evicted already, find the old value in the one
//! that has not, and store it.
//!
//! So the channel raises its barrier before it tells the first cache, and lowers it after the last.
//! Then nothing old stays, whatever the order:
//!
//! - A load that began before is overtaken when its own cache is told.
//! - A load that begins meanwhile is not stored. It is shared only with callers that come before
//!   the next cache is told, because that one may be what it reads.
//! - A load that begins afterwards finds that every cache has evicted, and that none has stored or
//!   shares what the loads above have found.

#[cfg(not(shuttle))]
use std::sync::atomic::{AtomicU64, Ordering};

// Without a switch of threads at these accesses, the concurrency checker would miss schedules.
#[cfg(shuttle)]
use shuttle::sync::atomic::{AtomicU64, Ordering};

use std::sync::Arc;

use crate::remedy::Remedy;

/// The barrier of a channel.
///
/// The lower bits count how many threads have raised it: a publisher and the task that receives
/// events may do so at the same time. The upper bits count its steps.
pub(crate) struct Barrier(AtomicU64);

const STEP_BITS: u32 = 20;
const STEP: u64 = 1 << STEP_BITS;

impl Barrier {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Raises the barrier, until the guard is dropped.
    pub(crate) fn raise(&self) -> Raised<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Raised(self)
    }
}

/// A guard, so that the barrier is lowered even after a panic.
pub(crate) struct Raised<'a>(&'a Barrier);

impl Raised<'_> {
    /// One more cache has been told.
    pub(crate) fn step(&self) {
        self.0.0.fetch_add(STEP, Ordering::SeqCst);
    }
}

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        // A step as well, because a panic may have cost one.
        self.0.0.fetch_add(STEP - 1, Ordering::SeqCst);
    }
}

/// The barriers of all channels that evict from a cache.
#[derive(Default)]
pub(crate) struct Barriers(Vec<Arc<Barrier>>);

impl Barriers {
    pub(crate) fn add(&mut self, barrier: Arc<Barrier>) {
        self.0.push(barrier);
    }

    /// `None` while no barrier is raised. Otherwise a number that grows with every step, whichever
    /// barrier it is of.
    pub(crate) fn raised(&self) -> Option<u64> {
        let (mut raised, mut steps) = (false, 0_u64);
        for barrier in &self.0 {
            let state = barrier.0.load(Ordering::SeqCst);
            raised |= state % STEP != 0;
            steps = steps.wrapping_add(state >> STEP_BITS);
        }
        (raised && Remedy::Barrier.applies()).then_some(steps)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn barriers<const N: usize>() -> ([Arc<Barrier>; N], Barriers) {
        let all = [(); N].map(|()| Arc::new(Barrier::new()));
        let mut barriers = Barriers::default();
        for barrier in &all {
            barriers.add(Arc::clone(barrier));
        }
        (all, barriers)
    }

    #[test]
    fn a_cache_without_channels_has_none() {
        assert_eq!(Barriers::default().raised(), None);
    }

    #[test]
    fn is_raised_until_every_guard_is_dropped() {
        let ([barrier], barriers) = barriers();
        assert_eq!(barriers.raised(), None);
        let first = barrier.raise();
        let second = barrier.raise();
        assert!(barriers.raised().is_some());
        drop(first);
        assert!(barriers.raised().is_some());
        drop(second);
        assert_eq!(barriers.raised(), None);
    }

    #[test]
    fn no_two_steps_have_the_same_number() {
        let ([one, other], barriers) = barriers();
        let held = one.raise();
        let mut seen = vec![barriers.raised()];
        for barrier in [&one, &other, &one] {
            let raised = barrier.raise();
            assert_eq!(barriers.raised(), *seen.last().unwrap(), "no step yet");
            raised.step();
            seen.push(barriers.raised());
            drop(raised);
            seen.push(barriers.raised());
        }
        drop(held);
        let again = other.raise();
        seen.push(barriers.raised());
        drop(again);
        assert!(seen.iter().all(Option::is_some));
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    }
}
