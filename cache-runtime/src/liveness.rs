//! Whether a channel is live, in a word that caches look at whenever they are read.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{self, Nanos};

/// Times are on the kernel's clock, a little early: the reading that caches take of it may be behind.
/// Where it says no, the bus has the last word.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    /// Until when it is proven that events arrive; 0 while it is not.
    until: AtomicU64,
    /// Until when canaries prove it of any channel of the bus that is live.
    lease: AtomicU64,
    /// When it last was no longer proven; 0 if it never was.
    ended: AtomicU64,
}

impl Liveness {
    #[inline]
    pub(crate) fn is_live_at(&self, now: Nanos) -> bool {
        now < self.until.load(Ordering::Acquire)
    }

    /// Since when events are not proven to arrive, if they ever were; the lease may have run out
    /// before anybody was told.
    pub(crate) fn ended(&self) -> Option<Nanos> {
        match self.until.load(Ordering::Acquire) {
            0 => match self.ended.load(Ordering::Acquire) {
                0 => None,
                ended => Some(ended),
            },
            until => Some(until),
        }
    }

    /// The channel has become live, or no longer is. To be called by one at a time, and not together
    /// with [`renew`](Self::renew).
    pub(crate) fn set(&self, live: bool) {
        if live {
            let lease = self.lease.load(Ordering::Relaxed);
            self.until.store(lease, Ordering::Release);
        } else if let until @ 1.. = self.until.load(Ordering::Relaxed) {
            // In this order: whoever sees that it has ended sees when.
            self.ended
                .store(until.min(clock::precise()), Ordering::Release);
            self.until.store(0, Ordering::Release);
        }
    }

    /// A canary has come back.
    pub(crate) fn renew(&self, lease: Nanos, live: bool) {
        self.lease.store(lease, Ordering::Relaxed);
        if live {
            self.until.store(lease, Ordering::Release);
        }
    }
}
