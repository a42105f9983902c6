//! The flushes after rejected messages, at most one per interval.

use std::time::Duration;

/// A rejected message may have been meant to evict anything, so a flush must follow it. But a flood
/// of rejected messages must not become a flood of flushes. The first message opens a window and
/// causes a flush at once. Further messages within the window share one flush at its end.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    /// End of the window that the latest flush opened.
    window: Option<Duration>,
    /// Whether messages of this window wait for their flush.
    owed: bool,
}

impl Rejections {
    /// Records a rejected message. Returns whether to flush now.
    pub(super) fn record(&mut self, now: Duration, interval: Duration) -> bool {
        let quiet = self.window.is_none_or(|end| now >= end) && !self.owed;
        if quiet {
            self.window = Some(now + interval);
        } else {
            self.owed = true;
        }
        quiet
    }

    /// Ends the window if its time is over. Returns whether to flush now, which opens another
    /// window.
    pub(super) fn expire(&mut self, now: Duration, interval: Duration) -> bool {
        if self.window.is_none_or(|end| now < end) {
            return false;
        }
        let due = std::mem::take(&mut self.owed);
        self.window = due.then(|| now + interval);
        due
    }

    /// Drops the owed flush, because the flush after a loss covers it.
    pub(super) fn covered(&mut self) {
        self.owed = false;
    }

    /// Whether a flush is owed. Until then the channel is not live.
    pub(super) fn owed(&self) -> bool {
        self.owed
    }

    /// When the window ends.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.window
    }
}
