//! What reaches the supervisor: everything that happens, through one queue, in order.

use std::sync::Arc;

use crate::channel::Dispatch;
use crate::health::Cause;
use crate::link::ChannelId;
use crate::queue::{Item, Queue};
use crate::transport::Connection;

/// The supervisor's queue.
pub(crate) type Mailbox = Queue<Signal>;

/// What has happened.
pub(crate) enum Signal {
    /// Somebody wants a channel's events, after nobody did.
    Subscribe(Arc<dyn Dispatch>, Wanted),
    /// Nobody wants a channel's events any more.
    Unsubscribe(ChannelId),
    /// An attempt to connect has ended.
    Connected(Generation, Result<Connection, Cause>),
    /// Something came from a connection.
    Wire(Generation, Wire),
    /// A canary could not be sent.
    CanaryFailed(Generation, Cause),
    /// Messages were discarded because there were too many.
    Overflow,
}

/// Which subscribers a health is of: see [`Reported`](crate::health::Reported).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) channel: u64,
    pub(crate) bus: u64,
}

/// Numbers connections, so that nothing of an old one is taken for news.
pub(crate) type Generation = u64;

/// Of a connection that never ends.
pub(crate) const EVERY_GENERATION: Generation = Generation::MAX;

/// What comes from a connection. Channels are named as on the wire.
pub(crate) enum Wire {
    Message { channel: Vec<u8>, payload: Vec<u8> },
    Status(Status),
}

/// What has become of a connection, or of one of its subscriptions.
#[cfg_attr(
    not(feature = "redis"),
    expect(dead_code, reason = "the in-process bus never fails")
)]
pub(crate) enum Status {
    Confirmed { channel: Vec<u8> },
    Refused { channel: Vec<u8>, cause: Cause },
    Unsubscribed { channel: Vec<u8> },
    Disconnected(Cause),
}

impl Signal {
    fn is_message(&self) -> bool {
        matches!(self, Self::Wire(_, Wire::Message { .. }))
    }
}

impl Item for Signal {
    fn weight(&self) -> usize {
        match self {
            Self::Wire(_, Wire::Message { channel, payload }) => {
                size_of::<Self>() + channel.len() + payload.len()
            }
            _ => size_of::<Self>(),
        }
    }

    fn counts(&self) -> bool {
        self.is_message()
    }

    /// Messages may be discarded if the link is told; what changes its state may not.
    fn collapse(queue: &mut Vec<Self>) -> Vec<Self> {
        let discarded = |signal: &mut Self| signal.is_message() || matches!(signal, Self::Overflow);
        let messages = queue.extract_if(.., discarded).collect();
        let mut kept = std::mem::take(queue);
        kept.push(Self::Overflow);
        *queue = kept;
        messages
    }
}
