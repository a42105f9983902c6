//! What audits say of values that are loaded in the background.

use std::time::Duration;

/// How the loads of a cache in the background go: those that no reader waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Reloads {
    /// The time since the last load that has succeeded began, or since a scheduled entry was last found
    /// to be fresh.
    pub last_success: Option<Duration>,
    /// How many have failed since then.
    pub failures: u64,
    /// The time since the first of them failed.
    pub failing_for: Option<Duration>,
    /// The error of the last one.
    pub error: Option<String>,
}
