//! What a coherent cache does while events are not proven to arrive.

use std::time::Duration;

/// What a coherent cache does while events are not proven to arrive.
///
/// What a cache in Redis does while Redis is away is a
/// [`redis::WhileDown`](crate::redis::WhileDown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhileDown {
    /// Reads load, and store nothing.
    #[default]
    Bypass,
    /// The cache is read for this long after the proof has ended, and may serve values that other
    /// instances have changed since. It is flushed when events arrive again.
    ServeFor(Duration),
    /// The cache is read until events arrive again, when it is flushed. Only the TTL bounds how old
    /// its entries get.
    ServeUntilTtl,
}
