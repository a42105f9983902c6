//! The counters of a channel.

use tracing::error;

use crate::counters::{count, counters};
use crate::link::FlushCause;
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
            /// Of `flushes`, those because the channel became live.
            live_flushes,
            /// Of `flushes`, those because it was down for longer than the lease.
            down_flushes,
            /// Of `flushes`, those after rejected messages.
            rejected_flushes,
            /// Of `flushes`, those because another node of the cluster serves the channel.
            moved_flushes,
            /// How often the queue of a handler or stream was full and collapsed into one `All`.
            overflows,
            /// Events that were put into the outbox, to be sent later: those that the server did not
            /// take, those whose publication was given up while it was in progress, and those of a
            /// [`Change`](crate::service::Change) that are published once more.
            deferred,
            /// Events of the outbox that the server has taken.
            resent,
            /// Events of the outbox that another one covers: an equal one, or the `All` that too many
            /// events became.
            collapsed,
            /// Events of the outbox that are not sent any more: the server's access rules forbid it,
            /// or the bus was closed.
            given_up,
            /// Changes that were dropped before it was said whether they have committed.
            undecided,
            /// Panics of handlers and inline subscribers.
            panics,
        }
        summed {
            /// How often `All` was sent to the handlers and streams, even if there were none,
            /// because events may have been lost.
            flushes: live_flushes + down_flushes + rejected_flushes + moved_flushes,
        }
    }
}

impl ChannelStats {
    /// How many events are in the outbox now.
    #[must_use]
    pub fn in_outbox(&self) -> u64 {
        let gone = self.resent + self.collapsed + self.given_up;
        // The counters are not read at one moment.
        self.deferred.saturating_sub(gone)
    }
}

impl Counters {
    pub(super) fn flushed(&self, cause: FlushCause) {
        count(match cause {
            FlushCause::Live => &self.live_flushes,
            FlushCause::Down => &self.down_flushes,
            FlushCause::Rejected => &self.rejected_flushes,
            FlushCause::Moved => &self.moved_flushes,
        });
    }

    /// Counts and logs a panic of a subscriber. The log is throttled.
    pub(super) fn panicked(&self, channel: &str, subscriber: &str, log: &LogThrottle) {
        count(&self.panics);
        if let Some(skipped) = log.admit() {
            error!(channel, skipped, "{subscriber} panicked; a flush follows");
        }
    }
}
