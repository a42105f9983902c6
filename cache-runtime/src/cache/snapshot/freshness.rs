//! Whether a snapshot is proven to be current.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::LoadError;
use crate::health::Health;

/// A value of a [`Snapshot`](crate::Snapshot), and whether it is proven to be current.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reading<T> {
    /// The value that was loaded last.
    pub value: Arc<T>,
    /// Whether it is proven to be current.
    pub freshness: Freshness,
}

/// Whether the value of a [`Snapshot`](crate::Snapshot) is proven to be current.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Freshness {
    /// Events are proven to arrive, and the value was loaded after the last one that asks for a
    /// load.
    Fresh,
    /// The source may hold another value.
    #[non_exhaustive]
    Stale {
        /// The time since the load of the value began.
        age: Duration,
        /// Why it is not proven to be current.
        cause: StaleCause,
    },
}

impl Freshness {
    /// Whether the value is proven to be current.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        matches!(self, Self::Fresh)
    }
}

/// Why the value of a [`Snapshot`](crate::Snapshot) is not proven to be current.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StaleCause {
    /// On a channel, events are not proven to arrive. This is its health.
    Unproven(Health),
    /// An event asks for a load that has not ended yet.
    Changed,
    /// The last load failed. It is tried again.
    LoadFailed(LoadError),
    /// No event tells of changes: there is no `reload_on`.
    Polled,
    /// The runtime in which the snapshot was loaded has ended, and so have its loads.
    Ended,
}

impl fmt::Display for StaleCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unproven(health) => write!(f, "events are not proven to arrive: {health}"),
            Self::Changed => {
                f.write_str("an event has arrived, and what it asks for is being loaded")
            }
            Self::LoadFailed(error) => write!(f, "{error:#}"),
            Self::Polled => f.write_str("no event tells of changes"),
            Self::Ended => f.write_str("the runtime in which it was loaded has ended"),
        }
    }
}
