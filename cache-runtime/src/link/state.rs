//! What the link knows: its connection, its channels, and the outputs that wait.
//!
//! A step touches the channels that it changes, so that only these are settled at its end.

use std::collections::VecDeque;
use std::time::Duration;

use super::canaries::Canaries;
use super::channel::ChannelState;
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
#[derive(Debug)]
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
        let open = self.connection == Connection::Open;
        for &id in ids {
            let channel = self.channels.get_mut(id.index()).and_then(Option::as_mut);
            if let Some(channel) = channel {
                let marks = channel.current_marks(self.timings.lease, open);
                self.index.update(id, channel.marks, marks);
                channel.marks = marks;
            }
        }
    }
}
