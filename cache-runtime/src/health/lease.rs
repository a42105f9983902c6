//! The lease of a channel: until when events are proven to arrive. Caches check it at every read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{self, Nanos, nanos};

/// Caches take a lease to be shorter by this much, because the clocks that they read may be behind. In
/// this last part of a lease they ask the bus. A healthy bus renews a lease before its last part
/// begins.
const MARGIN: Duration = Duration::from_millis(50);

/// Until when canaries prove that the events of a bus arrive: the same time on three clocks.
///
/// The clock that caches read stands still while the machine sleeps. So they also look at the time of
/// day. If that was set, one of the two is early at worst: where they say no, the bus's own clock
/// decides.
#[derive(Debug, Default)]
pub(crate) struct ProvenUntil {
    until: AtomicU64,
    wall: AtomicU64,
    /// On the clock that goes on while the machine sleeps.
    asleep_too: AtomicU64,
}

impl ProvenUntil {
    /// A canary proves it for this time from now on, of a lease of this length.
    pub(crate) fn renew(&self, left: Duration, lease: Duration) {
        let left = nanos(left.saturating_sub(MARGIN.min(lease / 4)));
        self.asleep_too
            .store(clock::asleep_too() + left, Ordering::Release);
        self.wall.store(clock::wall() + left, Ordering::Release);
        self.until.store(clock::precise() + left, Ordering::Release);
    }

    #[inline]
    fn holds_at(&self, now: Nanos) -> bool {
        now < self.until.load(Ordering::Acquire)
            && clock::wall() < self.wall.load(Ordering::Acquire)
    }

    fn asleep_too(&self) -> Nanos {
        self.asleep_too.load(Ordering::Acquire)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    /// For every channel of the bus that is live. Shared, so that a heartbeat costs the same whatever
    /// the number of channels.
    proven: Arc<ProvenUntil>,
    live: AtomicBool,
    /// When the latest proof ended; 0 if there was none.
    ended: AtomicU64,
}

impl Lease {
    pub(crate) fn new(proven: Arc<ProvenUntil>) -> Self {
        Self {
            proven,
            ..Self::default()
        }
    }

    #[inline]
    pub(crate) fn holds_at(&self, now: Nanos) -> bool {
        // In this order: a channel that was lost and is live again in between has been flushed.
        self.proven.holds_at(now) && self.live.load(Ordering::Acquire)
    }

    /// When the proof ends or has ended; `None` if events were never proven to arrive. The clock is the one that goes on while the machine sleeps.
    ///
    /// While the channel is reported as live, this is the end of the lease, which may be in the
    /// future or already over.
    pub(crate) fn ended(&self) -> Option<Nanos> {
        if self.live.load(Ordering::Acquire) {
            return Some(self.proven.asleep_too());
        }
        match self.ended.load(Ordering::Acquire) {
            0 => None,
            ended => Some(ended),
        }
    }

    /// The channel has become live, or no longer is. Calls must not overlap.
    pub(crate) fn set(&self, live: bool) {
        if !live && self.live.load(Ordering::Relaxed) {
            // In this order: a thread that sees that the proof has ended also sees when.
            let ended = self.proven.asleep_too().min(clock::asleep_too());
            self.ended.store(ended, Ordering::Release);
        }
        self.live.store(live, Ordering::Release);
    }
}
