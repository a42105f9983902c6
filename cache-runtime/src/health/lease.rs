//! The lease of a channel: until when events are proven to arrive. Caches check it at every read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{self, Nanos, nanos};
use crate::driver::Driver;
use crate::remedy::Remedy;

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
    /// What that clock is.
    driver: Driver,
}

impl ProvenUntil {
    pub(crate) fn new(driver: &Driver) -> Self {
        Self {
            driver: driver.clone(),
            ..Self::default()
        }
    }

    /// A canary proves that events arrive until then, on the clock that goes on while the machine
    /// sleeps, by a lease of this length. That time may be over, if the process was stopped meanwhile.
    ///
    /// The other clocks are read before the time that is left is computed: if the process is stopped in
    /// between, the lease is too short, and not too long.
    pub(crate) fn renew(&self, exact: Nanos, lease: Duration) {
        let margin = nanos(MARGIN.min(lease / 4));
        let asleep_too = exact.saturating_sub(margin);
        #[cfg(feature = "testing")]
        if self.driver.clock().is_some() {
            // Caches ask the bus at every read.
            self.exact.store(exact, Ordering::Release);
            return self.asleep_too.store(asleep_too, Ordering::Release);
        }
        let (wall, until) = (clock::wall(), clock::precise());
        let left = asleep_too.saturating_sub(clock::asleep_too());
        self.exact.store(exact, Ordering::Release);
        self.asleep_too.store(asleep_too, Ordering::Release);
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
        let holds = self.proven.holds_at(now) || !Remedy::LeaseAtRead.applies();
        holds && self.live.load(Ordering::Acquire)
    }

    /// Whether canaries prove that events arrive now, by the precise clock. It applies while the channel
    /// is reported as live.
    pub(crate) fn is_proven(&self) -> bool {
        self.now() < self.proven.exact.load(Ordering::Acquire) || !Remedy::LeaseAtRead.applies()
    }

    /// For how long it is still proven that events arrive, while the channel is reported as live.
    #[cfg(any(feature = "metrics", feature = "otel"))]
    pub(crate) fn left(&self) -> Duration {
        let exact = self.proven.exact.load(Ordering::Acquire);
        Duration::from_nanos(exact.saturating_sub(self.now()))
    }

    /// The time on the clock that goes on while the machine sleeps.
    pub(crate) fn now(&self) -> Nanos {
        self.proven.driver.now()
    }

    /// As [`ProvenUntil::renew`].
    pub(super) fn renew(&self, until: Nanos, lease: Duration) {
        self.proven.renew(until, lease);
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
            let ended = self.proven.asleep_too().min(self.now());
            self.ended.store(ended, Ordering::Release);
        }
        self.live.store(live, Ordering::Release);
    }
}

/// If the process was stopped between the return of a canary and the renewal, a cache that is to serve
/// for a while longer must not count that from the renewal.
#[test]
fn a_renewal_that_comes_too_late_does_not_move_the_end() {
    let length = Duration::from_secs(2);
    let until = clock::asleep_too() - nanos(Duration::from_millis(500));
    let lease = Lease::default();
    lease.set(true);
    lease.renew(until, length);
    let ended = Some(until - nanos(MARGIN));
    assert!(!lease.is_proven() && !lease.holds_at(clock::precise()));
    assert_eq!(lease.ended(), ended);
    lease.set(false);
    assert_eq!(lease.ended(), ended);
}
