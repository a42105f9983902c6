//! The network between an instance and the hub, which tests cut.
//!
//! The hub keeps what a Redis server would know of the instance: its subscriptions until the connection
//! ends, and its place in the list of instances until its lease is over.

use std::time::Duration;

use crate::clock::Instant;
use crate::health::Cause;
use crate::transport::instances::{Listed, Listing};
use crate::transport::wire::{Feed, Status, Wire};

/// The network of one instance.
#[derive(Default)]
pub(super) struct Network {
    state: State,
    /// The feed of the connection for events, while there is one.
    connection: Option<Feed>,
    /// How the instance has listed itself, and when its lease ends at the latest.
    listed: Option<(Listed, Instant)>,
    /// A connection was lost, and there was no other since.
    is_lost: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Up,
    /// Connections stay open, and nothing passes.
    Silent,
    /// There are no connections.
    Cut,
}

impl Network {
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether a request passes, and is answered.
    pub(super) fn check(&self) -> Result<(), Cause> {
        match self.state {
            State::Up => Ok(()),
            State::Silent => Err(Cause::Timeout("the network is silent".into())),
            State::Cut => Err(Cause::Unreachable("the network is cut".into())),
        }
    }

    /// Opens a connection for events.
    pub(super) fn connect(&mut self, feed: Feed) -> Result<(), Cause> {
        self.check()?;
        self.connection = Some(feed);
        self.is_lost = false;
        Ok(())
    }

    /// The instance has given up the connection for events.
    pub(super) fn disconnected(&mut self) {
        self.connection = None;
        if self.is_up() && !self.is_lost {
            self.listed = None;
        }
    }

    /// Lets no connection be made, and ends the present one.
    pub(super) fn cut(&mut self) {
        self.state = State::Cut;
        self.lose();
    }

    /// Lets nothing pass.
    pub(super) fn silence(&mut self) {
        self.state = State::Silent;
    }

    /// Lets everything pass. A connection that was silent has lost messages, so it ends. Returns whether
    /// there was one.
    pub(super) fn restore(&mut self) -> bool {
        let was_silent = std::mem::take(&mut self.state) == State::Silent;
        if was_silent {
            self.lose();
        }
        was_silent
    }

    /// Takes note of the lease that a canary begins.
    pub(super) fn list(&mut self, listing: &Listing, now: Instant) {
        let listed = Listed {
            id: listing.id,
            name: listing.name.as_str().into(),
            until: 0,
            proven: 0,
        };
        self.listed = Some((listed, now + listing.lease));
    }

    /// The instance, if it is cut off, and may serve what it has not heard to be stale. `until` is the rest
    /// of its lease.
    pub(super) fn cut_off(&self, now: Instant) -> Option<Listed> {
        let (listed, until) = self.listed.as_ref()?;
        let left = until.saturating_duration_since(now);
        let is_cut_off = !self.is_up() || self.is_lost;
        (is_cut_off && left > Duration::ZERO).then(|| Listed {
            until: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            ..listed.clone()
        })
    }

    /// Ends the connection for events, as the instance notices.
    fn lose(&mut self) {
        self.is_lost = true;
        if let Some(feed) = self.connection.take() {
            feed(Wire::Status(Status::Disconnected(Cause::Disconnected)));
        }
    }
}
