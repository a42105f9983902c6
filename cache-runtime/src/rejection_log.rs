//! The log of messages that could not be understood.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

/// Logs why messages are rejected, at most one a channel and interval: whoever may publish must not
/// be able to flood the log.
pub(crate) struct RejectionLog {
    interval: Duration,
    next: HashMap<Arc<str>, (Duration, u64)>,
}

impl RejectionLog {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: HashMap::new(),
        }
    }

    pub(crate) fn log(&mut self, now: Duration, channel: &Arc<str>, reason: &str) {
        let (next, skipped) = self.next.entry(Arc::clone(channel)).or_default();
        if now < *next {
            *skipped += 1;
            return;
        }
        *next = now + self.interval;
        let skipped = std::mem::take(skipped);
        warn!(%channel, reason, skipped, "message rejected");
    }
}
