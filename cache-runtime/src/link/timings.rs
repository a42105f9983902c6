//! The timings of a link.

use std::time::Duration;

/// The durations that a link uses, and the seed of its jitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timings {
    /// Time from one canary to the next.
    pub heartbeat: Duration,
    /// How long a canary that came back proves that events arrive, from when it was sent.
    pub lease: Duration,
    /// Wait before the first attempt to reconnect. It doubles with every attempt that fails.
    pub backoff_min: Duration,
    /// Longest wait between two attempts.
    pub backoff_max: Duration,
    /// Least time between two flushes of a channel because of rejected messages.
    pub rejection_interval: Duration,
    /// Seed of the jitter, so that instances do not reconnect in step.
    pub seed: u64,
}
