//! Keeps the connection for events open on a bus that only publishes, so that acknowledgements arrive.

use std::sync::Arc;

use crate::channel::{Counters, Dispatch};
use crate::health::{Health, ProvenUntil, Reported};
use crate::link::{Audience, ChannelId, FlushCause};
use crate::settings::{LISTENING, OnRejected, Settings};

/// A channel without messages.
pub(super) struct Listening {
    id: ChannelId,
    name: Arc<str>,
    health: Reported,
    counters: Counters,
}

impl Listening {
    /// Other channels have greater ids.
    pub(super) const ID: ChannelId = ChannelId(1);

    pub(super) fn new(settings: &Settings, proven: Arc<ProvenUntil>) -> Self {
        Self::with(Self::ID, settings.full_name(LISTENING).into(), proven)
    }

    pub(super) fn with(id: ChannelId, name: Arc<str>, proven: Arc<ProvenUntil>) -> Self {
        Self {
            id,
            name,
            health: Reported::new(Health::Idle, proven),
            counters: Counters::default(),
        }
    }
}

impl Dispatch for Listening {
    fn id(&self) -> ChannelId {
        self.id
    }

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn deliver(&self, _payload: &[u8], _max_payload: usize) -> bool {
        true
    }

    fn on_rejected(&self) -> Option<OnRejected> {
        Some(OnRejected::Ignore)
    }

    fn flush(&self, _audience: Audience, _cause: FlushCause) {}

    fn health(&self) -> &Reported {
        &self.health
    }

    fn subscribers(&self) -> usize {
        0
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn all(&self) -> Vec<u8> {
        Vec::new()
    }

    fn close(&self) {
        self.health.set(&Health::Closed);
    }
}
