//! The counters of a channel.

use tracing::error;

use crate::counters::{count, counters};
use crate::log_throttle::LogThrottle;

counters! {
    /// Counts of what has happened in a channel on this instance since the bus was built.
    pub struct ChannelStats from Counters {
        counted {
            /// Events received and decoded.
            received,
            /// Messages that were rejected, because they are no event of the channel.
            rejected,
            /// Events handed to the server.
            published,
            /// Events that could not be handed to the server. Events that cannot be encoded or are
            /// too large are not counted.
            publish_failures,
            /// How often `All` was sent to the handlers and streams, even if there were none,
            /// because events may have been lost: when the channel became live, when it was down
            /// for longer than the lease, and after rejected messages.
            flushes,
            /// How often the queue of a handler or stream was full and collapsed into one `All`.
            overflows,
            /// Panics of handlers and inline subscribers.
            panics,
        }
    }
}

impl Counters {
    /// Counts and logs a panic of a subscriber. The log is throttled.
    pub(super) fn panicked(&self, channel: &str, subscriber: &str, log: &LogThrottle) {
        count(&self.panics);
        if let Some(skipped) = log.admit() {
            error!(channel, skipped, "{subscriber} panicked; a flush follows");
        }
    }
}
