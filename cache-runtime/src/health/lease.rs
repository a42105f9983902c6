//! The lease of a channel: until when events are proven to arrive. Caches check it at every read.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{self, Nanos};

/// The end of the lease, on the kernel's clock.
///
/// The coarse clock that caches read may be behind, so the supervisor sets an end that is a little
/// too early. After it, caches ask the bus, whose clock is precise.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    /// Until when events are proven to arrive; 0 while the channel is not live.
    until: AtomicU64,
    /// Until when canaries prove that events of live channels arrive, also while this one is not
    /// live.
    proven_until: AtomicU64,
    /// When the latest proof ended; 0 if none has ended.
    ended: AtomicU64,
}

impl Lease {
    #[inline]
    pub(crate) fn holds_at(&self, now: Nanos) -> bool {
        now < self.until.load(Ordering::Acquire)
    }

    /// When the proof ends or has ended; `None` if events were never proven to arrive.
    ///
    /// While the channel is reported as live, this is the end of the lease, which may be in the
    /// future or already over.
    pub(crate) fn ended(&self) -> Option<Nanos> {
        match self.until.load(Ordering::Acquire) {
            0 => match self.ended.load(Ordering::Acquire) {
                0 => None,
                ended => Some(ended),
            },
            until => Some(until),
        }
    }

    /// Records whether the channel is live. Calls of this and of [`renew`](Self::renew) must not
    /// overlap.
    pub(crate) fn set(&self, live: bool) {
        if live {
            let until = self.proven_until.load(Ordering::Relaxed);
            self.until.store(until, Ordering::Release);
        } else if let until @ 1.. = self.until.load(Ordering::Relaxed) {
            // `ended` is stored first, so that a thread that reads 0 from `until` also reads
            // `ended`.
            self.ended
                .store(until.min(clock::precise()), Ordering::Release);
            self.until.store(0, Ordering::Release);
        }
    }

    /// Extends the lease, because a canary has come back.
    pub(crate) fn renew(&self, until: Nanos, live: bool) {
        self.proven_until.store(until, Ordering::Relaxed);
        if live {
            self.until.store(until, Ordering::Release);
        }
    }
}
