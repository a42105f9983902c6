//! The lease of a channel: until when events are proven to arrive. Caches check it at every read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{self, Nanos, nanos};

/// Caches subtract this from a lease, because the clocks that they read may be behind. In this last
/// part of a lease they ask the bus. A healthy bus renews a lease before its last part begins.
const MARGIN: Duration = Duration::from_millis(50);

/// Until when canaries prove that the events of a bus arrive: the same time on three clocks.
///
/// Caches read the coarse monotonic clock, which stands still while the machine sleeps, and the
/// time of day, which does not. The lease holds if it has ended on neither. If it has ended on one,
/// caches ask the bus, which reads its own clock. If the time of day was set forward, they only ask
/// more often. If it was set back, the monotonic clock alone ends the lease.
#[derive(Debug, Default)]
pub(crate) struct ProvenUntil {
    /// On the monotonic clock.
    until: AtomicU64,
    /// As a time of day.
    wall: AtomicU64,
    /// On the clock that goes on while the machine sleeps.
    asleep_too: AtomicU64,
    /// On the same clock, without the margin.
    exact: AtomicU64,
}

impl ProvenUntil {
    /// A canary proves that events arrive for this time from now on, of a lease of this length.
    ///
    /// The clocks are read before `left` is computed: if the process is stopped in between, the lease
    /// is too short, and not too long.
    pub(crate) fn renew(&self, left: impl FnOnce() -> Duration, lease: Duration) {
        let (asleep_too, wall, until) = (clock::asleep_too(), clock::wall(), clock::precise());
        let left = left();
        self.exact
            .store(asleep_too + nanos(left), Ordering::Release);
        let left = nanos(left.saturating_sub(MARGIN.min(lease / 4)));
        self.asleep_too.store(asleep_too + left, Ordering::Release);
        self.wall.store(wall + left, Ordering::Release);
        self.until.store(until + left, Ordering::Release);
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

/// The lease of one channel.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    /// All channels of a bus over one server share it, so that the cost of a heartbeat does not grow with
    /// their number. In a cluster each channel has its own, because it may move. It applies to this channel while the channel is live.
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
        // `live` is read last. If the channel was lost and became live again in between, it has
        // been flushed.
        self.proven.holds_at(now) && self.live.load(Ordering::Acquire)
    }

    /// Whether canaries prove that events arrive now, by the precise clock. It applies while the channel
    /// is reported as live.
    pub(crate) fn is_proven(&self) -> bool {
        clock::asleep_too() < self.proven.exact.load(Ordering::Acquire)
    }

    /// As [`ProvenUntil::renew`].
    pub(super) fn renew(&self, left: impl FnOnce() -> Duration, lease: Duration) {
        self.proven.renew(left, lease);
    }

    /// When the proof ends or has ended, on the clock that goes on while the machine sleeps. `None`
    /// if events were never proven to arrive.
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
            // `ended` is stored first, so that a thread that reads `live` as false also reads
            // `ended`.
            let ended = self.proven.asleep_too().min(clock::asleep_too());
            self.ended.store(ended, Ordering::Release);
        }
        self.live.store(live, Ordering::Release);
    }
}
