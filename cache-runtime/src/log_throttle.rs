//! Keeps one kind of failure from flooding the log.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{Nanos, precise};

/// Least time between two lines about the same kind of failure, in nanoseconds: 1 s.
const LOG_EVERY: Nanos = 1_000_000_000;

/// Admits at most one line per second.
#[derive(Debug, Default)]
pub(crate) struct LogThrottle {
    /// When the next line may be logged, on the precise clock.
    next: AtomicU64,
    skipped: AtomicU64,
}

impl LogThrottle {
    /// `Some` if a line may be logged now, with the number of lines skipped since the last one.
    pub(crate) fn admit(&self) -> Option<u64> {
        let (now, next) = (precise(), self.next.load(Ordering::Relaxed));
        let due = now >= next
            && (self.next)
                .compare_exchange(next, now + LOG_EVERY, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if due {
            return Some(self.skipped.swap(0, Ordering::Relaxed));
        }
        self.skipped.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line() {
        let throttle = LogThrottle::default();
        let lines = (0..1000).filter_map(|_| throttle.admit()).count();
        assert!((1..=2).contains(&lines), "{lines}");
    }
}
