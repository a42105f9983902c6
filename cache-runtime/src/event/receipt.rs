//! What publishing returns, and confirmed publishing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::error::NotSettled;

/// How many subscribers the server has handed an event to.
///
/// This does not prove delivery: Redis counts a subscriber that is stuck or cut off until its
/// buffers are full. Only a [`Health`](crate::bus::Health) of `Live` proves that events arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    receivers: u64,
    proven: bool,
}

impl Receipt {
    pub(crate) fn new(receivers: u64, proven: bool) -> Self {
        Self { receivers, proven }
    }

    /// The number of subscribed connections when the event was published, this instance's own
    /// included.
    #[must_use]
    pub fn receivers(&self) -> u64 {
        self.receivers
    }

    /// Whether the bus was [live](crate::bus::Health::Live) when the server answered: a canary of
    /// this instance had come back within the lease, from a server that said that it was a primary.
    ///
    /// If not, the server may be one that other instances are not connected to. It is `false` for
    /// an instance that only publishes, because it subscribes to nothing and sends no canaries, until it
    /// first waits for a confirmation.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.proven
    }
}

/// Every instance has applied the events that were published before, or can serve nothing that is
/// older.
///
/// [`Bus::settled`](crate::Bus::settled) returns it. An instance is named as
/// `BusBuilder::name` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub(crate) acknowledged: Vec<Arc<str>>,
    pub(crate) expired: Vec<Arc<str>>,
}

impl Settled {
    /// The instances that have answered that they have applied the events, this one included.
    #[must_use]
    pub fn acknowledged(&self) -> impl ExactSizeIterator<Item = &str> {
        self.acknowledged.iter().map(|name| &**name)
    }

    /// The instances that were silent until their lease had ended. Since then they serve nothing, and
    /// flush before they serve again. Only listed instances have names: others that were waited for,
    /// such as all in a cluster, are missing here.
    #[must_use]
    pub fn expired(&self) -> impl ExactSizeIterator<Item = &str> {
        self.expired.iter().map(|name| &**name)
    }
}

/// An event was published, and no instance can serve a value that is older.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed<T = Receipt> {
    pub(crate) receipt: T,
    pub(crate) settled: Settled,
}

impl<T> Confirmed<T> {
    /// What publishing alone returns.
    #[must_use]
    pub fn receipt(&self) -> &T {
        &self.receipt
    }

    /// Which instances were waited for.
    #[must_use]
    pub fn settled(&self) -> &Settled {
        &self.settled
    }
}

/// Waits until no instance can serve what was evicted before.
pub(crate) trait Settle: Send + Sync {
    /// Called before the event is published. Returns the time, on the clock of the bus.
    fn begin(&self) -> BoxFuture<'_, Duration>;

    /// Waits for what was published since a time.
    fn settle(&self, begun: Duration) -> BoxFuture<'_, Result<Settled, NotSettled>>;
}

/// What a publication waits with: borrowed from the service, or held without it.
#[derive(Clone)]
pub(crate) enum Settler<'a> {
    Of(&'a dyn Settle),
    Held(Arc<dyn Settle>),
}

impl<'a> Settler<'a> {
    pub(super) fn get(&self) -> &(dyn Settle + 'a) {
        match self {
            Self::Of(settle) => *settle,
            Self::Held(settle) => &**settle,
        }
    }
}
