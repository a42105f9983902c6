//! The lease of a channel: until when events are proven to arrive. Caches look at it at every read.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{self, Nanos};

/// Times are on the kernel's clock. They are a little early, because the coarse clock that caches
/// read may be behind: where the lease says no, the bus's own clock decides.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    /// Until when it is proven that events arrive; 0 while it is not.
    until: AtomicU64,
    /// Until when canaries prove it for every channel of the bus that is live.
    proven_until: AtomicU64,
    /// When the latest proof ended; 0 if there was none.
    ended: AtomicU64,
}

impl Lease {
    #[inline]
    pub(crate) fn holds_at(&self, now: Nanos) -> bool {
        now < self.until.load(Ordering::Acquire)
    }

    /// Since when events are not proven to arrive; `None` if they never were. The time may lie ahead,
    /// and the lease may have run out before anybody was told.
    pub(crate) fn ended(&self) -> Option<Nanos> {
        match self.until.load(Ordering::Acquire) {
            0 => match self.ended.load(Ordering::Acquire) {
                0 => None,
                ended => Some(ended),
            },
            until => Some(until),
        }
    }

    /// The channel has become live, or no longer is. Calls of this and of [`renew`](Self::renew) must
    /// not overlap.
    pub(crate) fn set(&self, live: bool) {
        if live {
            let until = self.proven_until.load(Ordering::Relaxed);
            self.until.store(until, Ordering::Release);
        } else if let until @ 1.. = self.until.load(Ordering::Relaxed) {
            // In this order: a thread that sees that the proof has ended also sees when.
            self.ended
                .store(until.min(clock::precise()), Ordering::Release);
            self.until.store(0, Ordering::Release);
        }
    }

    /// A canary has come back.
    pub(crate) fn renew(&self, until: Nanos, live: bool) {
        self.proven_until.store(until, Ordering::Relaxed);
        if live {
            self.until.store(until, Ordering::Release);
        }
    }
}
