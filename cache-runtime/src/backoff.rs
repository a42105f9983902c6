//! The wait before the next attempt after a failure.

use std::time::Duration;

/// Doubles the wait with every failure, and shortens each wait by up to a half at random ("equal
/// jitter"), so that instances do not try together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    /// The state of the random number generator.
    jitter: u64,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self {
            first,
            longest,
            failures: 0,
            jitter: seed,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after the next failure, unless it is shortened.
    pub(crate) fn longest_wait(&self) -> Duration {
        let factor = 1 << self.failures.min(16);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// Counts a failure; returns the wait after it.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.longest_wait();
        self.failures += 1;
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.jitter = self.jitter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let share = u32::try_from((z ^ (z >> 31)) & 0xFF).unwrap_or(0);
        wait / 2 + (wait / 2) * share / 0xFF
    }
}
