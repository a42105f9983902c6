//! An event on its way to the server.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::channel::Dispatch;
use crate::counters::count;
use crate::error::Fate;
use crate::health::Cause;
use crate::outbox::{self, Outbox};

/// Who sends an event again that the server has not taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keeper {
    /// The outbox of the bus.
    Outbox,
    /// The caller, who keeps the event elsewhere, such as in a row.
    Caller,
}

/// An encoded event that has evicted on this instance. If this is dropped before it is known whether
/// the server has taken the event, its keeper sends it.
pub(super) struct Sending {
    keeper: Keeper,
    outbox: Outbox,
    channel: Arc<dyn Dispatch>,
    payload: Vec<u8>,
    is_done: bool,
}

impl Sending {
    pub(super) fn new(
        keeper: Keeper,
        outbox: &Outbox,
        channel: Arc<dyn Dispatch>,
        payload: Vec<u8>,
    ) -> Self {
        Self {
            keeper,
            outbox: outbox.clone(),
            channel,
            payload,
            is_done: false,
        }
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The server has taken the event.
    pub(super) fn published(mut self) {
        self.is_done = true;
        self.outbox.reached(self.channel.name());
    }

    /// The server has not taken the event.
    pub(super) fn failed(mut self, cause: &Cause) -> Fate {
        self.is_done = true;
        count(&self.channel.counters().publish_failures);
        match self.keeper {
            Keeper::Outbox => {
                let channel = Arc::clone(&self.channel);
                self.outbox.defer(channel, &self.payload, cause)
            }
            Keeper::Caller => outbox::fate(cause),
        }
    }

    /// Leaves the event to its keeper.
    pub(super) fn leave(mut self) -> Fate {
        self.is_done = true;
        self.hand_over()
    }

    fn hand_over(&self) -> Fate {
        match self.keeper {
            Keeper::Outbox => self.send_after(Duration::ZERO),
            Keeper::Caller => Fate::Kept,
        }
    }

    /// Lets the outbox send the event once a time has passed, in any case.
    pub(super) fn send_after(&self, lag: Duration) -> Fate {
        let channel = Arc::clone(&self.channel);
        let fate = self.outbox.send_after(channel, &self.payload, lag);
        let why = match fate {
            Fate::Deferred | Fate::Kept => return fate,
            Fate::Off => "the outbox is off",
            Fate::Refused => "the bus is closed",
        };
        count(&self.channel.counters().publish_failures);
        warn!(channel = %self.channel.name(), "an event was given up, because {why}");
        fate
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if !self.is_done {
            self.hand_over();
        }
    }
}
