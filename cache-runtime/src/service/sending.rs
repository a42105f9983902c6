//! An event on its way to the server.

use std::sync::Arc;
use std::time::Instant;

use tracing::warn;

use crate::channel::Dispatch;
use crate::counters::count;
use crate::error::Fate;
use crate::health::Cause;
use crate::outbox::Outbox;

/// An encoded event that has evicted on this instance. If this is dropped before it is known whether
/// the server has taken the event, the outbox sends it.
pub(super) struct Sending {
    outbox: Outbox,
    channel: Arc<dyn Dispatch>,
    payload: Vec<u8>,
    is_done: bool,
}

impl Sending {
    pub(super) fn new(outbox: &Outbox, channel: Arc<dyn Dispatch>, payload: Vec<u8>) -> Self {
        Self {
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
        let channel = Arc::clone(&self.channel);
        self.outbox.defer(channel, &self.payload, cause)
    }

    /// Lets the outbox send the event at a time, in any case.
    pub(super) fn send_at(&self, at: Instant) {
        let channel = Arc::clone(&self.channel);
        let why = match self.outbox.send_at(channel, &self.payload, at) {
            Fate::Deferred => return,
            Fate::Off => "the outbox is off",
            Fate::Refused => "the bus is closed",
        };
        count(&self.channel.counters().publish_failures);
        warn!(channel = %self.channel.name(), "an event was given up, because {why}");
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if !self.is_done {
            self.send_at(Instant::now());
        }
    }
}
