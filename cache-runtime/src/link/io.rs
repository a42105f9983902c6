//! What goes into a link, and what comes out of it.

use std::time::Duration;

use crate::health::{Cause, Health};

/// A channel of this link. A channel keeps its id for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u32);

impl ChannelId {
    /// The link's own channel, on which its canaries come back.
    pub const CANARY: Self = Self(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A channel has its first subscriber.
    Subscribe(ChannelId),
    /// A channel has lost its last subscriber.
    Unsubscribe(ChannelId),
    /// The connection asked for by [`Output::Connect`] is open.
    Connected,
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
    /// The server ended a subscription.
    Unsubscribed(ChannelId),
    /// A message that `Link::accepts` let pass was rejected.
    Rejected(ChannelId),
    /// A canary came back.
    Canary(u64),
    /// A canary could not be sent.
    CanaryFailed(Cause),
    /// Messages that had arrived were discarded.
    Overflow,
    /// Time has passed.
    Tick,
}

/// What to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a connection; answer with `Connected` or `Disconnected`.
    Connect,
    /// Drop the connection; feed in nothing more that comes from it.
    Disconnect,
    /// Send a subscription; answer with `Confirmed`, `Refused` or `Disconnected`.
    Subscribe(ChannelId),
    /// End a subscription; answer with `Unsubscribed`.
    Unsubscribe(ChannelId),
    /// Publish a canary, over the connection that publishes events.
    SendCanary(u64),
    /// The canaries that came back prove that events arrive.
    Lease {
        /// Until then, on the scale of the inputs' `now`.
        until: Duration,
    },
    /// Flush a channel: its subscribers take every cached value for stale.
    Flush(ChannelId, Audience),
    /// A channel's health has changed.
    ChannelHealth(ChannelId, Health),
    /// The health of the whole link has changed.
    LinkHealth(Health),
}

/// Which subscribers of a channel a flush is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Inline subscribers: caches, which are flushed before anything else happens.
    Inline,
    /// Handlers and streams.
    Handlers,
    /// Both, inline subscribers first.
    Everyone,
}
