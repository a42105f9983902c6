//! What the link knows: its connection, its channels, and the outputs that wait.
//!
//! A step touches the channels that it changes, so that only these are settled at its end.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::mem::discriminant;
use std::time::Duration;

use super::canaries::Canaries;
use super::channel::ChannelState;
use super::digest::Digest;
use super::index::Index;
use super::io::{ChannelId, Output};
use super::peer::Peer;
use super::timings::Timings;
use crate::backoff::Backoff;
use crate::health::{Cause, Health};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    /// No channel has subscribers.
    None,
    /// The next attempt to connect is due at this time.
    Waiting(Duration),
    /// An attempt to connect is in progress.
    Opening,
    Open,
}

impl Connection {
    pub(super) fn digest<H: Hasher>(self, digest: &mut Digest<'_, H>) {
        digest.add(discriminant(&self));
        if let Self::Waiting(at) = self {
            digest.due(Some(at));
        }
    }
}

/// The canaries that were complete since the latest loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// When the first was. Since then no message can have been lost unnoticed.
    pub since: Duration,
    /// The number of the latest.
    pub canary: u64,
}

/// The state machine of the protocol.
///
/// `link/mod.rs` says what it does.
#[derive(Debug, Clone)]
pub struct Link {
    pub(super) timings: Timings,
    pub(super) connection: Connection,
    /// Why there is no connection, or why no canary could be sent over it.
    pub(super) cause: Option<Cause>,
    pub(super) backoff: Backoff,
    /// By id. The first is the canary channel.
    pub(super) channels: Vec<Option<ChannelState>>,
    pub(super) index: Index,
    pub(super) canaries: Canaries,
    /// The canaries that were complete since the latest loss; `None` if none was.
    pub(super) proven: Option<Proven>,
    pub(super) peer: Peer,
    /// When the server last answered a subscription or an unsubscription on this connection.
    pub(super) answered: Duration,
    pub(super) health: Health,
    pub(super) outputs: VecDeque<Output>,
}

impl Link {
    /// A link with nothing subscribed.
    #[must_use]
    pub fn new(timings: Timings) -> Self {
        let backoff = Backoff::new(timings.backoff_min, timings.backoff_max, timings.seed);
        let mut canary = ChannelState::new(Duration::ZERO);
        // So that it is subscribed on every connection.
        canary.wanted = true;
        Self {
            timings,
            connection: Connection::None,
            cause: None,
            backoff,
            channels: vec![Some(canary)],
            index: Index::default(),
            canaries: Canaries::default(),
            proven: None,
            peer: Peer::default(),
            answered: Duration::ZERO,
            health: Health::Idle,
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn channel_mut(&mut self, id: ChannelId) -> Option<&mut ChannelState> {
        self.channels.get_mut(id.index())?.as_mut()
    }

    /// A channel that is going to be changed. It is settled before the step ends.
    pub(super) fn touch(&mut self, id: ChannelId) -> Option<&mut ChannelState> {
        self.index.touch(id);
        self.channel_mut(id)
    }

    /// Every channel, because all are going to be changed. They are settled before the step ends.
    pub(super) fn touch_all(&mut self) -> impl Iterator<Item = (ChannelId, &mut ChannelState)> {
        let index = &mut self.index;
        (0..)
            .map(ChannelId)
            .zip(&mut self.channels)
            .filter_map(move |(id, channel)| {
                index.touch(id);
                Some((id, channel.as_mut()?))
            })
    }

    /// Updates the index for the touched channels, and returns them.
    pub(super) fn update_index(&mut self) -> Vec<ChannelId> {
        let touched = self.index.take_touched();
        self.update(&touched);
        touched
    }

    /// Updates the index for these channels.
    pub(super) fn update(&mut self, ids: &[ChannelId]) {
        for &id in ids {
            let channel = self.channels.get_mut(id.index()).and_then(Option::as_mut);
            if let Some(channel) = channel {
                let marks = channel.current_marks(self.timings.lease);
                self.index.update(id, channel.marks, marks);
                channel.marks = marks;
            }
        }
    }

    /// Hashes the state. Links with the same timings and the same state do the same from now on, if
    /// they are fed at multiples of `tick`. Not told apart are the texts of causes, and the jitter.
    /// There must be no outputs to poll.
    #[doc(hidden)]
    pub fn digest(&self, now: Duration, tick: Duration, hasher: &mut impl Hasher) {
        let Self {
            timings,
            connection,
            cause,
            backoff,
            channels,
            index,
            canaries,
            proven,
            peer,
            answered,
            health,
            outputs,
        } = self;
        debug_assert!(outputs.is_empty());
        let digest = &mut Digest::new(timings, now, tick, canaries.next(), hasher);
        connection.digest(digest);
        digest.cause(cause.as_ref());
        digest.add(backoff.longest_wait());
        digest.add(channels.len());
        for channel in channels {
            digest.add(channel.is_some());
            if let Some(channel) = channel {
                channel.digest(digest);
            }
        }
        index.digest(digest);
        canaries.digest(digest);
        digest.add(proven.is_some());
        digest.add(peer);
        digest.due(Some(*answered + timings.lease));
        digest.health(health);
    }
}
