//! The wait before the next attempt to connect.

use std::time::Duration;

/// Doubles the wait with every failure, with "equal jitter": between half of it and all of it.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    jitter: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            failures: 0,
            jitter: seed,
        }
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure; the wait after it.
    pub(super) fn next(&mut self, first: Duration, longest: Duration) -> Duration {
        let wait = first
            .saturating_mul(1 << self.failures.min(16))
            .min(longest);
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
