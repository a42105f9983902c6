//! What keeps caches from serving old values, by name.
//!
//! A simulation, or the concurrency checker, can switch some off, to show that it then finds a read
//! that is too old. In every other build all apply.

#[cfg(any(simulation, shuttle))]
use std::sync::atomic::{AtomicU64, Ordering};

/// The remedies that are switched off, as bits.
#[cfg(any(simulation, shuttle))]
static OFF: AtomicU64 = AtomicU64::new(0);

/// A remedy.
#[cfg_attr(
    not(any(simulation, shuttle)),
    allow(
        dead_code,
        unreachable_pub,
        reason = "only others export it, and use all"
    )
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A load that began before an eviction is neither stored nor shared with later callers.
    LoadToken,
    /// A load that begins while caches are told of an event is not stored.
    Barrier,
    /// A loss empties the caches.
    FlushOfCaches,
    /// After a loss, handlers receive `All`.
    FlushOfHandlers,
    /// A read asks whether the lease has ended.
    LeaseAtRead,
    /// The lease counts from when its canary was sent, not from when it has come back.
    LeaseFromSending,
    /// A lease is renewed only by a canary that has come back; the server's answers are not enough.
    CanaryComesBack,
    /// A canary that is missing is a loss.
    MissingCanary,
    /// While a channel is not live, the cache is not used.
    Bypass,
    /// The cache is used only for so long while the channel is not live.
    ServeForEnds,
    /// While the cache is bypassed, a caller shares no load that began before it came.
    FreshWhileBypassed,
    /// Only a primary proves anything.
    Role,
    /// All connections lead to the same server.
    Identity,
    /// The server that has taken an event is asked whether it is a primary.
    PrimaryTakesEvents,
    /// A payload that cannot be decoded is followed by a flush.
    FlushOfRejected,
    /// Messages that were discarded are a loss.
    Overflow,
    /// Events that a handler is too slow for become one `All`.
    HandlerOverflow,
    /// The publisher's own caches evict at once.
    LocalEviction,
    /// What the server has not taken is sent later.
    Outbox,
    /// Events for which the outbox has no room become one `All`.
    OutboxCollapse,
    /// A confirmation waits until the leases of silent instances have ended.
    SilentLease,
    /// An instance that was live and has not acknowledged a fence is told to flush.
    UnansweredFlush,
    /// A list of instances that is younger than a lease is not relied on.
    YoungList,
    /// Instances that are not listed say so, and then a whole lease is waited for.
    Unlisted,
    /// A publisher that has not listened for two leases waits for a whole lease.
    ListenedForLong,
    /// An event is confirmed only if no message was lost since before it was published.
    ProvenSinceBegun,
}

impl Remedy {
    /// All of them.
    #[cfg(any(simulation, shuttle))]
    pub const ALL: [Self; 26] = [
        Self::LoadToken,
        Self::Barrier,
        Self::FlushOfCaches,
        Self::FlushOfHandlers,
        Self::LeaseAtRead,
        Self::LeaseFromSending,
        Self::CanaryComesBack,
        Self::MissingCanary,
        Self::Bypass,
        Self::ServeForEnds,
        Self::FreshWhileBypassed,
        Self::Role,
        Self::Identity,
        Self::PrimaryTakesEvents,
        Self::FlushOfRejected,
        Self::Overflow,
        Self::HandlerOverflow,
        Self::LocalEviction,
        Self::Outbox,
        Self::OutboxCollapse,
        Self::SilentLease,
        Self::UnansweredFlush,
        Self::YoungList,
        Self::Unlisted,
        Self::ListenedForLong,
        Self::ProvenSinceBegun,
    ];

    /// Whether it applies: always, unless it was switched off.
    #[cfg(not(any(simulation, shuttle)))]
    #[inline]
    #[expect(clippy::unused_self, reason = "others ask which it is")]
    pub(crate) const fn applies(self) -> bool {
        true
    }

    #[cfg(any(simulation, shuttle))]
    const fn bit(self) -> u64 {
        1 << self as u64
    }

    /// Whether it applies: always, unless it was switched off.
    #[cfg(any(simulation, shuttle))]
    pub(crate) fn applies(self) -> bool {
        OFF.load(Ordering::Relaxed) & self.bit() == 0
    }
}

/// Switches these off, in the whole process, and all others on.
#[cfg(any(simulation, shuttle))]
pub fn switch_off(remedies: &[Remedy]) {
    let off = remedies.iter().fold(0, |off, remedy| off | remedy.bit());
    OFF.store(off, Ordering::Relaxed);
}
