//! The supervisor's inbox: one queue for everything that happens, in order.

use std::sync::Arc;

use crate::channel::Dispatch;
use crate::health::Cause;
use crate::link::{ChannelId, Side};
use crate::queue::{Item, Queue};
use crate::server_info::ServerInfo;
use crate::transport::{Connection, Wire};

/// The supervisor's queue.
pub(super) type Inbox = Queue<Signal>;

/// What has happened.
pub(super) enum Signal {
    /// A channel has its first subscriber.
    Subscribe(Arc<dyn Dispatch>, Wanted),
    /// A channel has lost its last subscriber.
    Unsubscribe(ChannelId),
    /// An attempt to connect has ended.
    Connected(Generation, Result<Connection, Cause>),
    /// A message or a status came from a connection.
    Wire(Generation, Wire),
    /// The server answered the question that goes with a canary.
    Server(Generation, Told),
    /// A canary could not be sent.
    CanaryFailed(Generation, Cause),
    /// Messages were discarded because there were too many.
    Overflow,
}

/// See [`Input::Server`](crate::link::Input::Server).
pub(super) struct Told {
    pub(super) canary: u64,
    pub(super) side: Side,
    pub(super) connection: u64,
    pub(super) server: ServerInfo,
}

/// The subscribers that a health is about: see [`Reported`](crate::health::Reported).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// For the health of the channel.
    pub(super) channel: u64,
    /// For the health of the bus.
    pub(super) bus: u64,
}

/// The number of a connection. Signals of earlier connections are ignored.
pub(super) type Generation = u64;

/// The number of the in-process feed, whose signals are never ignored.
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

    /// Discards messages, and tells the link with an overflow. Other signals change the link's
    /// state and must not be discarded.
    fn collapse(queued: &mut Vec<Self>) -> Vec<Self> {
        let discarded = |signal: &mut Self| signal.is_message() || matches!(signal, Self::Overflow);
        let messages = queued.extract_if(.., discarded).collect();
        queued.push(Self::Overflow);
        messages
    }
}
