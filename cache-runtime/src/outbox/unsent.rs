//! What a closed bus has not sent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The most channels that a line names.
const NAMED: usize = 8;

/// The events that a bus had not sent when it was closed.
///
/// The server did not take them in time, or refused them meanwhile. Other instances may serve what these
/// events evict until its TTL ends. Here, they have evicted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unsent {
    channels: BTreeMap<Arc<str>, usize>,
}

impl Unsent {
    pub(super) fn add(&mut self, channel: &Arc<str>, events: usize) {
        if events > 0 {
            *self.channels.entry(Arc::clone(channel)).or_default() += events;
        }
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.channels
            .iter()
            .map(|(channel, events)| (channel, *events))
    }

    /// Whether everything was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// How many events are left. An `All` counts once, although it may stand for many.
    #[must_use]
    pub fn events(&self) -> usize {
        self.channels.values().sum()
    }

    /// The channels with their namespace, by name, and how many events of each are left.
    #[must_use]
    pub fn channels(&self) -> impl ExactSizeIterator<Item = (&str, usize)> {
        self.channels
            .iter()
            .map(|(channel, events)| (&**channel, *events))
    }
}

/// As `3 events were not sent: 2 of cache:teams, 1 of cache:users`.
impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.events() {
            0 => return f.write_str("every event was sent"),
            1 => f.write_str("1 event was not sent: ")?,
            events => write!(f, "{events} events were not sent: ")?,
        }
        for (i, (channel, events)) in self.channels().take(NAMED).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{events} of {channel}")?;
        }
        if let Some(more @ 1..) = self.channels.len().checked_sub(NAMED) {
            write!(f, ", and others of {more} more channels")?;
        }
        Ok(())
    }
}
