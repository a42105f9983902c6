//! The events in an outbox: bounded, and equal ones once.
//!
//! No event is lost by that. What counts is that each event, or one that covers it, is sent once more
//! after the moment it was kept for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use super::unsent::Unsent;
use crate::channel::Dispatch;
use crate::counters::add;
use crate::queue::Bounds;

/// What an event takes beside its payload.
const OVERHEAD: usize = 64;

type Payload = Arc<[u8]>;

/// The events of all channels of a bus.
pub(super) struct Pending {
    bounds: Bounds,
    channels: HashMap<Arc<str>, Events>,
    items: usize,
    bytes: usize,
}

/// The events of a channel.
struct Events {
    channel: Arc<dyn Dispatch>,
    /// The payload of `All`, which covers every other.
    all: Payload,
    times: HashMap<Payload, Times>,
    bytes: usize,
}

/// When an event is to be sent.
struct Times {
    next: Instant,
    /// When to send it once more. What is asked for in between is sent then too: at the latest after
    /// twice the wait that was asked for.
    last: Option<Instant>,
}

/// An event, and when it is to be sent.
#[derive(Clone)]
pub(super) struct Due {
    pub(super) channel: Arc<dyn Dispatch>,
    pub(super) payload: Payload,
    pub(super) at: Instant,
}

impl Times {
    fn new(at: Instant) -> Self {
        Self {
            next: at,
            last: None,
        }
    }

    fn join(&mut self, at: Instant) {
        let last = self.last.unwrap_or(self.next).max(at);
        self.next = self.next.min(at);
        self.last = (last > self.next).then_some(last);
    }

    fn join_all(&mut self, others: &Self) {
        self.join(others.next);
        others.last.into_iter().for_each(|last| self.join(last));
    }

    /// How often the event is to be sent.
    fn count(&self) -> usize {
        1 + usize::from(self.last.is_some())
    }
}

impl Events {
    fn new(channel: Arc<dyn Dispatch>) -> Self {
        Self {
            all: channel.all().into(),
            channel,
            times: HashMap::new(),
            bytes: 0,
        }
    }

    fn count(&self) -> usize {
        self.times.values().map(Times::count).sum()
    }

    /// Whether more than `All` is kept, so that it can collapse.
    fn collapses(&self) -> bool {
        self.times.keys().any(|payload| *payload != self.all)
    }

    fn add(&mut self, payload: Payload, at: Instant) {
        let payload = if self.times.contains_key(&self.all) {
            Arc::clone(&self.all)
        } else {
            payload
        };
        let is_all = payload == self.all;
        match self.times.entry(payload) {
            Entry::Occupied(known) => known.into_mut().join(at),
            Entry::Vacant(new) => {
                self.bytes += new.key().len() + OVERHEAD;
                new.insert(Times::new(at));
            }
        }
        if is_all {
            self.collapse();
        }
    }

    /// Replaces all events by one `All`.
    fn collapse(&mut self) {
        let joined = self.times.drain().map(|(_, times)| times);
        let joined = joined.reduce(|mut joined, times| {
            joined.join_all(&times);
            joined
        });
        self.bytes = 0;
        if let Some(joined) = joined {
            self.bytes = self.all.len() + OVERHEAD;
            self.times.insert(Arc::clone(&self.all), joined);
        }
    }

    /// Takes the events whose time has come by `now`.
    fn take(&mut self, now: Instant, due: &mut Vec<Due>) {
        self.times.retain(|payload, times| {
            if times.next > now {
                return true;
            }
            due.push(Due {
                channel: Arc::clone(&self.channel),
                payload: Arc::clone(payload),
                at: times.next,
            });
            match times.last {
                Some(last) if last > now => {
                    *times = Times::new(last);
                    true
                }
                // Sending the event once satisfies both times.
                last => {
                    add(
                        &self.channel.counters().collapsed,
                        usize::from(last.is_some()),
                    );
                    self.bytes -= payload.len() + OVERHEAD;
                    false
                }
            }
        });
    }
}

impl Pending {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            channels: HashMap::new(),
            items: 0,
            bytes: 0,
        }
    }

    /// Keeps an event that is to be sent at a time. If there are too many, those of the channel that
    /// keeps most become one `All`.
    pub(super) fn add(&mut self, due: Due) {
        let name = Arc::clone(due.channel.name());
        let events = self.channels.entry(Arc::clone(&name));
        events.or_insert_with(|| Events::new(due.channel));
        self.change(&name, 1, |events| events.add(due.payload, due.at));
        while self.items > self.bounds.items || self.bytes > self.bounds.bytes {
            let collapsing = self.channels.iter().filter(|(_, kept)| kept.collapses());
            let Some((most, _)) = collapsing.max_by_key(|(_, events)| events.bytes) else {
                return;
            };
            self.change(&Arc::clone(most), 0, Events::collapse);
        }
    }

    /// Changes the events of a channel, to which `added` are added. Those that are fewer afterwards
    /// have collapsed.
    fn change(&mut self, name: &str, added: usize, change: impl FnOnce(&mut Events)) {
        let Some(events) = self.channels.get_mut(name) else {
            return;
        };
        let (items, bytes, count) = (events.times.len(), events.bytes, events.count());
        change(events);
        self.items = self.items + events.times.len() - items;
        self.bytes = self.bytes + events.bytes - bytes;
        let collapsed = count + added - events.count();
        add(&events.channel.counters().collapsed, collapsed);
    }

    /// When the next event is to be sent.
    pub(super) fn next(&self) -> Option<Instant> {
        let times = self.channels.values();
        let times = times.flat_map(|events| events.times.values());
        times.map(|times| times.next).min()
    }

    /// The last time that an event is to be sent at.
    pub(super) fn last(&self) -> Option<Instant> {
        let times = self.channels.values();
        let times = times.flat_map(|events| events.times.values());
        times.map(|times| times.last.unwrap_or(times.next)).max()
    }

    /// Takes the events whose time has come by `now`, by channel.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Vec<Due>> {
        let mut taken = Vec::new();
        self.channels.retain(|_, events| {
            let mut due = Vec::new();
            events.take(now, &mut due);
            if !due.is_empty() {
                taken.push(due);
            }
            !events.times.is_empty()
        });
        let kept = self.channels.values();
        (self.items, self.bytes) = kept.fold((0, 0), |(items, bytes), events| {
            (items + events.times.len(), bytes + events.bytes)
        });
        taken
    }

    pub(super) fn has(&self, channel: &str) -> bool {
        self.channels.contains_key(channel)
    }

    /// Gives up everything, and returns what that is.
    pub(super) fn give_up(&mut self) -> Unsent {
        (self.items, self.bytes) = (0, 0);
        Unsent::new(self.channels.drain().map(|(name, events)| {
            add(&events.channel.counters().given_up, events.count());
            (name, events.count())
        }))
    }
}
