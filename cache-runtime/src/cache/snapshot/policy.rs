//! What a snapshot does while events are not proven to arrive.

use std::time::Duration;

/// What a [`Snapshot`](crate::Snapshot) does while events are not proven to arrive.
///
/// [`get`](crate::Snapshot::get) answers in any case, and the value is
/// [stale](super::Freshness::Stale). It is loaded again as soon as events are proven to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhileDown {
    /// The value stays as it is.
    #[default]
    Keep,
    /// The value is loaded again at this interval. So it lags behind its source by little more than
    /// the interval and the time of a load. All instances load that often while their server is away.
    Poll(Duration),
}
