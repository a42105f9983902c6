//! The inputs and outputs of a link.

use std::time::Duration;

use crate::health::{Cause, Health};
use crate::server_info::ServerInfo;

/// The id of a channel of this link. It never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u32);

impl ChannelId {
    /// The link's own channel, on which its canaries come back.
    pub const CANARY: Self = Self(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A connection to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The connection that subscribes.
    Events,
    /// The connection that publishes.
    Commands,
    /// Another connection for commands.
    Other,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A channel has its first subscriber.
    Subscribe(ChannelId),
    /// A channel has lost its last subscriber.
    Unsubscribe(ChannelId),
    /// The connection asked for by [`Output::Connect`] is open, and the server has answered this.
    Connected(ServerInfo),
    /// The attempt to connect failed, or the connection ended.
    Disconnected(Cause),
    /// The server confirmed a subscription.
    Confirmed {
        /// The channel.
        channel: ChannelId,
        /// Whether the subscription took effect before the call that asked for it returned, so that
        /// no event can have been missed in between.
        gapless: bool,
    },
    /// The server refused a subscription. Other channels are not affected.
    Refused(ChannelId, Cause),
    /// The server ended a subscription, on request or by itself.
    Unsubscribed(ChannelId),
    /// A message that `Link::accepts` accepted could not be decoded.
    Rejected(ChannelId),
    /// A canary came back.
    Canary(u64),
    /// The server has answered on one of the connections what it is. It was asked together with
    /// this canary. On [`Side::Commands`], it had published the canary by then.
    Server {
        /// The number of the canary.
        canary: u64,
        /// The connection.
        side: Side,
        /// The number of the connection. Commands on one connection keep their order.
        connection: u64,
        /// The answer.
        server: ServerInfo,
    },
    /// A canary could not be sent.
    CanaryFailed(Cause),
    /// Messages that had arrived were discarded.
    Overflow,
    /// Another instance has heard no answer to its fence, although this one was live.
    Unanswered,
    /// Time has passed.
    Tick,
}

/// What to do. Outputs are carried out in the order in which the link returns them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a connection. Answer with `Connected` or `Disconnected`.
    Connect,
    /// Drop all connections; feed in nothing more that comes from them.
    Disconnect,
    /// Send a subscription. Answer with `Confirmed`, `Refused` or `Disconnected`.
    Subscribe(ChannelId),
    /// End a subscription. Answer with `Unsubscribed` or `Disconnected`.
    Unsubscribe(ChannelId),
    /// Publish a canary over the connection that publishes events, and ask on all connections what
    /// the server is; answer with `Server` for each, or with `CanaryFailed`.
    SendCanary(u64),
    /// A canary is complete, which renews the lease.
    Lease {
        /// Until when events are proven to arrive, on the time scale of `now` in `Link::handle`.
        until: Duration,
    },
    /// Flush a channel: tell its subscribers that every cached value may be stale.
    Flush(ChannelId, Audience, FlushCause),
    /// A channel's health has changed.
    ChannelHealth(ChannelId, Health),
    /// The health of the whole link has changed.
    LinkHealth(Health),
}

/// Which subscribers of a channel a flush is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Inline subscribers, such as caches.
    Inline,
    /// Handlers and streams.
    Handlers,
    /// Both, inline subscribers first.
    Everyone,
}

/// Why a channel is flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushCause {
    /// It becomes live, so events may have been lost before.
    Live,
    /// It is not live: inline subscribers are told at once, and others after a lease.
    Down,
    /// A message was rejected.
    Rejected,
    /// Another node of the cluster serves it from now on. No link says so.
    Moved,
}
