//! What reaches the supervisor: everything that happens, through one queue, in order.

use std::sync::Arc;

use crate::channel::Dispatch;
use crate::health::Cause;
use crate::link::ChannelId;
use crate::queue::{Item, Queue};
use crate::transport::{Connection, Wire};

/// The supervisor's queue.
pub(super) type Inbox = Queue<Signal>;

/// What has happened.
pub(super) enum Signal {
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

/// The subscribers that a health is about: see [`Reported`](crate::health::Reported).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    pub(super) channel: u64,
    pub(super) bus: u64,
}

/// Numbers connections, so that nothing of an old one is taken for news.
pub(super) type Generation = u64;

/// Of a connection that never ends.
pub(super) const EVERY_GENERATION: Generation = Generation::MAX;

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

    /// Messages may be discarded if the link hears of it; what changes the link's state may not.
    fn collapse(queued: &mut Vec<Self>) -> Vec<Self> {
        let discarded = |signal: &mut Self| signal.is_message() || matches!(signal, Self::Overflow);
        let messages = queued.extract_if(.., discarded).collect();
        queued.push(Self::Overflow);
        messages
    }
}
