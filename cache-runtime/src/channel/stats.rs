//! What has happened in a channel, in numbers.

use tracing::error;

use crate::counters::{count, counters};

counters! {
    /// What has happened in a channel, on this instance, since the bus was built.
    pub struct ChannelStats from Counters {
        counted {
            /// Events received and decoded.
            received,
            /// Messages that are no event of the channel.
            rejected,
            /// Events handed to the server.
            published,
            /// Events that could not be handed to the server.
            publish_failures,
            /// How often handlers received `All` because events may have been lost: when the channel
            /// became live, when it was down for long, and after rejected messages.
            flushes,
            /// How often a subscriber's queue was full and collapsed into one `All`.
            overflows,
            /// Panics of handlers and inline subscribers.
            panics,
        }
    }
}

impl Counters {
    /// Counts and logs a panic of a subscriber.
    pub(super) fn panicked(&self, channel: &str, subscriber: &str) {
        count(&self.panics);
        error!(channel, "{subscriber} panicked; a flush follows");
    }
}
