//! Why a channel is flushed.

/// Why the subscribers of a channel are told that every cached value may be stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlushCause {
    /// The channel becomes live, so events may have been lost before.
    Live,
    /// It has not been live for longer than a lease.
    Down,
    /// A message was rejected.
    Rejected,
    /// Another node of the cluster serves it from now on.
    #[cfg_attr(
        not(any(feature = "redis", simulation)),
        allow(dead_code, reason = "only in a cluster do channels move")
    )]
    Moved,
}
