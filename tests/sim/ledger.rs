//! Every event that was published, and whether subscribers received it or were flushed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cache_runtime::__private::link::{Audience, ChannelId};

use crate::faults::Fault;

/// Events are numbered in the order in which they are published.
pub(crate) type Event = usize;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    records: Vec<Record>,
    open: BTreeMap<ChannelId, Open>,
}

#[derive(Debug)]
struct Record {
    channel: ChannelId,
    at: Duration,
    valid: bool,
    wanted: bool,
    delivered: bool,
    lost: Option<Fault>,
}

/// The open events of a channel: its subscribers have neither received them nor been flushed since.
#[derive(Debug, Default)]
struct Open {
    inline: BTreeSet<Event>,
    handlers: BTreeSet<Event>,
}

impl Ledger {
    pub(crate) fn want(&mut self, channel: ChannelId) {
        self.open.entry(channel).or_default();
    }

    /// The last subscriber has left.
    pub(crate) fn forget(&mut self, channel: ChannelId) {
        for event in self.open.remove(&channel).unwrap_or_default().inline {
            self.records[event].wanted = false;
        }
    }

    pub(crate) fn wanted(&self) -> impl Iterator<Item = ChannelId> + '_ {
        self.open.keys().copied()
    }

    pub(crate) fn is_wanted(&self, channel: ChannelId) -> bool {
        self.open.contains_key(&channel)
    }

    pub(crate) fn published(&mut self, at: Duration, channel: ChannelId, valid: bool) -> Event {
        let event = self.records.len();
        let open = self.open.get_mut(&channel);
        self.records.push(Record {
            channel,
            at,
            valid,
            wanted: open.is_some(),
            delivered: false,
            lost: None,
        });
        if let Some(open) = open {
            open.inline.insert(event);
            open.handlers.insert(event);
        }
        event
    }

    /// Counts an event as lost to a fault. Only the first fault counts.
    pub(crate) fn lost(&mut self, event: Event, to: Fault) {
        self.records[event].lost.get_or_insert(to);
    }

    /// Records that the loss of the event could not be noticed.
    pub(crate) fn excuse(&mut self, event: Event) {
        if let Some(open) = self.open.get_mut(&self.records[event].channel) {
            open.inline.remove(&event);
            open.handlers.remove(&event);
        }
    }

    /// Delivers an event; `false` if it is rejected.
    pub(crate) fn deliver(&mut self, event: Event) -> bool {
        let record = &mut self.records[event];
        if !record.valid {
            record.lost.get_or_insert(Fault::Malformed);
            return false;
        }
        record.delivered = true;
        if let Some(open) = self.open.get_mut(&record.channel) {
            open.inline.remove(&event);
            open.handlers.remove(&event);
        }
        true
    }

    pub(crate) fn flush(&mut self, channel: ChannelId, audience: Audience) {
        if let Some(open) = self.open.get_mut(&channel) {
            if audience != Audience::Handlers {
                open.inline.clear();
            }
            if audience != Audience::Inline {
                open.handlers.clear();
            }
        }
    }

    /// An event published by the time `by` that inline subscribers have missed.
    pub(crate) fn missed_by_inline(&self, channel: ChannelId, by: Duration) -> Option<Event> {
        let first = *self.open.get(&channel)?.inline.first()?;
        (self.records[first].at <= by).then_some(first)
    }

    /// An event that some subscriber has missed.
    pub(crate) fn missed(&self) -> Option<Event> {
        self.open
            .values()
            .find_map(|open| open.inline.first().or(open.handlers.first()))
            .copied()
    }

    /// What became of every event that had subscribers.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = Outcome> + '_ {
        self.records
            .iter()
            .filter(|record| record.wanted)
            .map(|record| match (record.delivered, record.lost) {
                (true, _) => Outcome::Delivered,
                (false, Some(fault)) => Outcome::Lost(fault),
                (false, None) => Outcome::Vanished,
            })
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Delivered,
    Lost(Fault),
    /// Lost without a fault: a bug of the simulation.
    Vanished,
}
