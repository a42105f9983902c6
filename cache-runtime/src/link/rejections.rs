//! Unreadable messages: each may have meant anything, so everything is stale; but a flood of them
//! must not become a flood of flushes.

use std::time::Duration;

/// Of a window's unreadable messages, the first is answered at once and the others together, when
/// the window ends.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    /// End of the window that the latest answer opened.
    window: Option<Duration>,
    /// Whether messages of this window are still unanswered.
    owed: bool,
}

impl Rejections {
    /// Takes note of an unreadable message; whether to answer it now.
    pub(super) fn record(&mut self, now: Duration, interval: Duration) -> bool {
        let quiet = self.window.is_none_or(|end| now >= end) && !self.owed;
        if quiet {
            self.window = Some(now + interval);
        } else {
            self.owed = true;
        }
        quiet
    }

    /// Ends the window if it is over; whether an answer is due.
    pub(super) fn expire(&mut self, now: Duration, interval: Duration) -> bool {
        if self.window.is_none_or(|end| now < end) {
            return false;
        }
        let due = std::mem::take(&mut self.owed);
        self.window = due.then(|| now + interval);
        due
    }

    /// A loss of the whole channel covers what is owed here.
    pub(super) fn covered(&mut self) {
        self.owed = false;
    }

    /// Whether messages are unanswered: the channel is not live in between.
    pub(super) fn owed(&self) -> bool {
        self.owed
    }

    /// When the window ends.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.window
    }
}
