//! What goes into a link, and what comes out of it.

use std::time::Duration;

use crate::health::{Cause, Health};

/// A channel of this link; one channel keeps its id for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u32);

impl ChannelId {
    /// The link's own channel, on which it hears its canaries.
    pub const CANARY: Self = Self(0);

    pub(super) fn slot(self) -> usize {
        self.0 as usize
    }
}

/// The durations that the link goes by, and the seed of its jitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timings {
    /// Time from one canary to the next.
    pub heartbeat: Duration,
    /// How long the latest canary that came back proves that events arrive.
    pub lease: Duration,
    /// Wait before the first attempt to reconnect; doubled with every attempt that fails.
    pub backoff_min: Duration,
    /// Longest wait between two attempts.
    pub backoff_max: Duration,
    /// Least time between two `All` events on account of unreadable messages in a channel.
    pub rejection_interval: Duration,
    /// Seed of the jitter, so that instances do not reconnect in step.
    pub seed: u64,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Somebody wants the events of a channel.
    Subscribe(ChannelId),
    /// Nobody wants them any more.
    Unsubscribe(ChannelId),
    /// The connection asked for by [`Output::Connect`] is there.
    Connected,
    /// There is no such connection, or it ended.
    Disconnected(Cause),
    /// The server confirmed a subscription. `gapless` where it took effect before `Subscribe`
    /// returned to the caller, so that there was no time to miss anything.
    Confirmed {
        /// The channel.
        channel: ChannelId,
        /// Whether nothing can have been missed since the subscription was asked for.
        gapless: bool,
    },
    /// The server will not have this subscription; others are not affected.
    Refused(ChannelId, Cause),
    /// The server says that a subscription has ended.
    Unsubscribed(ChannelId),
    /// A message arrived.
    Message(ChannelId),
    /// A message that was delivered could not be read.
    Rejected(ChannelId),
    /// A canary came back.
    Canary(u64),
    /// A canary could not be sent.
    CanaryFailed(Cause),
    /// Messages that had arrived were discarded unread.
    Overflow,
    /// Time has passed.
    Tick,
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a connection; answer with `Connected` or `Disconnected`.
    Connect,
    /// Drop the connection; nothing of it may be fed in any more.
    Disconnect,
    /// Send a subscription; answer with `Confirmed`, `Refused` or `Disconnected`.
    Subscribe(ChannelId),
    /// End a subscription; answer with `Unsubscribed`.
    Unsubscribe(ChannelId),
    /// Publish a canary, over the connection that publishes events.
    SendCanary(u64),
    /// Until when the canaries seen so far prove that events arrive.
    Lease {
        /// Time on the same scale as the inputs' `now`.
        until: Duration,
    },
    /// Hand the message over to the channel's subscribers.
    Deliver(ChannelId),
    /// Tell the channel's subscribers that everything may be stale.
    Stale(ChannelId, Audience),
    /// A channel's health has changed.
    ChannelHealth(ChannelId, Health),
    /// The health of the whole link has changed.
    LinkHealth(Health),
}

/// Who is told of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Inline subscribers: caches, which must be empty before anything else happens.
    Inline,
    /// Handlers and streams.
    Handlers,
    /// Both, inline subscribers first.
    Everyone,
}
