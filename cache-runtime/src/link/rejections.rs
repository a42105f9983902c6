//! The flushes that rejected messages call for, at most one an interval.

use std::time::Duration;

/// A rejected message may have evicted anything, so it calls for a flush; but a flood of them must
/// not become a flood of flushes. The first opens a window and is flushed at once. Those within the
/// window share one flush, at its end.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    /// End of the window that the latest flush opened.
    window: Option<Duration>,
    /// Whether messages of this window still wait for their flush.
    owed: bool,
}

impl Rejections {
    /// Takes note of a rejected message; whether to flush now.
    pub(super) fn record(&mut self, now: Duration, interval: Duration) -> bool {
        let quiet = self.window.is_none_or(|end| now >= end) && !self.owed;
        if quiet {
            self.window = Some(now + interval);
        } else {
            self.owed = true;
        }
        quiet
    }

    /// Ends the window if it is over; whether to flush now.
    pub(super) fn expire(&mut self, now: Duration, interval: Duration) -> bool {
        if self.window.is_none_or(|end| now < end) {
            return false;
        }
        let due = std::mem::take(&mut self.owed);
        self.window = due.then(|| now + interval);
        due
    }

    /// The whole channel is going to be flushed, which covers what is owed here.
    pub(super) fn covered(&mut self) {
        self.owed = false;
    }

    /// Whether a flush is owed. The channel is not live before it.
    pub(super) fn owed(&self) -> bool {
        self.owed
    }

    /// When the window ends.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.window
    }
}
