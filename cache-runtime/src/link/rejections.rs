//! The flushes that rejected messages call for.

use std::hash::Hasher;
use std::time::Duration;

use super::digest::Digest;

/// A rejected message may have been meant to evict anything, so it calls for a flush.
///
/// Inline subscribers are flushed for each message, because that costs them little. Handlers run
/// the user's code, so the flushes that they receive are limited. The first message flushes them at
/// once and opens a window. The messages within the window share one flush at its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Rejections {
    /// End of the window that the latest flush of handlers opened.
    window: Option<Duration>,
    /// Whether messages of this window still wait for their flush of handlers.
    owed: bool,
}

impl Rejections {
    /// Takes note of a rejected message. Returns whether to flush handlers now.
    pub(super) fn record(&mut self, now: Duration, interval: Duration) -> bool {
        let quiet = self.window.is_none_or(|end| now >= end) && !self.owed;
        if quiet {
            self.window = Some(now + interval);
        } else {
            self.owed = true;
        }
        quiet
    }

    /// Ends the window if it is over. Returns whether to flush handlers now.
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

    /// When the window ends.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.window
    }

    pub(super) fn digest<H: Hasher>(&self, digest: &mut Digest<'_, H>) {
        let Self { window, owed } = self;
        digest.due(*window);
        digest.add(owed);
    }
}
