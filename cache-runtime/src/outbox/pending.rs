//! The events in an outbox: bounded, and equal ones once.
//!
//! No event is lost by that. What counts is that each event, or one that covers it, is sent once more
//! after the moment it was kept for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::times::{Times, Window};
use super::unsent::Unsent;
use crate::channel::Dispatch;
use crate::clock::Instant;
use crate::counters::add;
use crate::queue::Bounds;
use crate::remedy::Remedy;

/// What an event takes beside its payload.
const OVERHEAD: usize = 64;

type Payload = Arc<[u8]>;

/// An encoded event.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) channel: Arc<dyn Dispatch>,
    pub(super) payload: Payload,
}

/// The events of all channels of a bus.
pub(super) struct Pending {
    bounds: Bounds,
    /// In order, so that a seed of a simulation decides everything.
    channels: BTreeMap<Arc<str>, Events>,
    queue: Queue,
    /// How often events are to be sent, all together.
    sendings: usize,
    bytes: usize,
}

/// Every event by the time when it is to be sent next.
type Queue = BTreeSet<(Instant, Arc<str>, Payload)>;

/// The events of a channel.
struct Events {
    channel: Arc<dyn Dispatch>,
    /// The payload of `All`, which covers every other.
    all: Payload,
    times: HashMap<Payload, Times>,
    sendings: usize,
    bytes: usize,
    /// How many were taken, and are neither done nor put back.
    in_flight: usize,
}

impl Events {
    fn new(channel: Arc<dyn Dispatch>) -> Self {
        Self {
            all: channel.all().into(),
            channel,
            times: HashMap::new(),
            sendings: 0,
            bytes: 0,
            in_flight: 0,
        }
    }

    fn key(&self, at: Instant, payload: &Payload) -> (Instant, Arc<str>, Payload) {
        (at, Arc::clone(self.channel.name()), Arc::clone(payload))
    }

    /// How many events are not sent.
    fn unsent(&self) -> usize {
        self.sendings + self.in_flight
    }

    fn is_covered(&self) -> bool {
        self.times.contains_key(&self.all)
    }

    /// Whether more than `All` is kept, so that it can collapse.
    fn collapses(&self) -> bool {
        self.times.len() > usize::from(self.is_covered())
    }

    fn add(&mut self, payload: Payload, window: Window, now: Instant, queue: &mut Queue) {
        let payload = if self.is_covered() {
            Arc::clone(&self.all)
        } else {
            payload
        };
        if payload == self.all {
            self.collapse(now, queue);
        }
        let mut times = self.remove(&payload, queue);
        times.join(window, now);
        self.insert(payload, times, queue);
    }

    /// Replaces all events by one `All`.
    fn collapse(&mut self, now: Instant, queue: &mut Queue) {
        if !self.collapses() {
            return;
        }
        let mut joined = Times::default();
        for (payload, times) in std::mem::take(&mut self.times) {
            if let Some(first) = times.first() {
                queue.remove(&self.key(first, &payload));
            }
            joined.join_all(&times, now);
        }
        (self.sendings, self.bytes) = (0, 0);
        if Remedy::OutboxCollapse.applies() {
            self.insert(Arc::clone(&self.all), joined, queue);
        }
    }

    /// Takes an event whose time has come by `now`, or that is to be sent whatever its time. Counts
    /// what this covers.
    fn take(&mut self, payload: Payload, now: Option<Instant>, queue: &mut Queue) -> Event {
        let before = self.sendings;
        let mut times = self.remove(&payload, queue);
        if let Some(now) = now {
            times.take(now);
        } else {
            times = Times::default();
        }
        self.insert(Arc::clone(&payload), times, queue);
        self.in_flight += 1;
        self.count_collapsed(before.saturating_sub(1));
        Event {
            channel: Arc::clone(&self.channel),
            payload,
        }
    }

    /// Where there were so many sendings `before`, they are fewer now because some cover others.
    fn count_collapsed(&self, before: usize) {
        let collapsed = before.saturating_sub(self.sendings);
        add(&self.channel.counters().collapsed, collapsed);
    }

    fn remove(&mut self, payload: &Payload, queue: &mut Queue) -> Times {
        let Some(times) = self.times.remove(payload) else {
            return Times::default();
        };
        self.sendings -= times.len();
        self.bytes -= payload.len() + OVERHEAD;
        if let Some(first) = times.first() {
            queue.remove(&self.key(first, payload));
        }
        times
    }

    fn insert(&mut self, payload: Payload, times: Times, queue: &mut Queue) {
        if let Some(first) = times.first() {
            self.sendings += times.len();
            self.bytes += payload.len() + OVERHEAD;
            queue.insert(self.key(first, &payload));
            self.times.insert(payload, times);
        }
    }
}

impl Pending {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            channels: BTreeMap::new(),
            queue: Queue::new(),
            sendings: 0,
            bytes: 0,
        }
    }

    /// Keeps an event that is to be sent within a time. If there are too many, those of the channel
    /// that keeps most become one `All`.
    pub(super) fn add(&mut self, event: Event, window: Window, now: Instant) {
        if !Remedy::Outbox.applies() {
            return;
        }
        let Event { channel, payload } = event;
        let name = Arc::clone(channel.name());
        let events = self.channels.entry(Arc::clone(&name));
        events.or_insert_with(|| Events::new(channel));
        self.change(&name, |events, queue| {
            let before = events.sendings + 1;
            events.add(payload, window, now, queue);
            events.count_collapsed(before);
        });
        while self.sendings > self.bounds.items || self.bytes > self.bounds.bytes {
            let collapsing = self.channels.iter().filter(|(_, kept)| kept.collapses());
            let Some((most, _)) = collapsing.max_by_key(|(_, events)| events.bytes) else {
                return;
            };
            self.change(&Arc::clone(most), |events, queue| {
                let before = events.sendings;
                events.collapse(now, queue);
                events.count_collapsed(before);
            });
        }
    }

    /// Changes the events of a channel, and with them the totals.
    fn change<T>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Events, &mut Queue) -> T,
    ) -> Option<T> {
        let events = self.channels.get_mut(name)?;
        let (sendings, bytes) = (events.sendings, events.bytes);
        let changed = change(events, &mut self.queue);
        self.sendings = self.sendings + events.sendings - sendings;
        self.bytes = self.bytes + events.bytes - bytes;
        Some(changed)
    }

    /// When the next event is to be sent.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, ..)| *at)
    }

    /// Takes the events whose time has come by `now`, or all events, by channel. Each is to be
    /// [`done`](Self::done) or [put back](Self::put_back).
    pub(super) fn take(&mut self, now: Option<Instant>) -> Vec<Vec<Event>> {
        let mut taken: BTreeMap<Arc<str>, Vec<Event>> = BTreeMap::new();
        while let Some((at, ..)) = self.queue.first()
            && now.is_none_or(|now| *at <= now)
            && let Some((_, name, payload)) = self.queue.pop_first()
            && let Some(event) =
                self.change(&name, |events, queue| events.take(payload, now, queue))
        {
            taken.entry(name).or_default().push(event);
        }
        taken.into_values().collect()
    }

    /// An event that was taken needs not be sent any more.
    pub(super) fn done(&mut self, channel: &str) {
        if let Some(events) = self.channels.get_mut(channel) {
            events.in_flight -= 1;
            if events.unsent() == 0 {
                self.channels.remove(channel);
            }
        }
    }

    /// An event that was taken is still to be sent.
    pub(super) fn put_back(&mut self, event: Event, now: Instant) {
        if let Some(events) = self.channels.get_mut(event.channel.name()) {
            events.in_flight -= 1;
        }
        self.add(event, Window::at(now), now);
    }

    /// Whether events of a channel wait to be sent.
    pub(super) fn has(&self, channel: &str) -> bool {
        let events = self.channels.get(channel);
        events.is_some_and(|events| events.sendings > 0)
    }

    /// What is not sent, and what is being sent.
    pub(super) fn unsent(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.channels
            .iter()
            .map(|(name, events)| (name, events.unsent()))
    }

    /// Gives up everything.
    pub(super) fn give_up(&mut self, unsent: &mut Unsent) {
        (self.sendings, self.bytes) = (0, 0);
        self.queue.clear();
        for (name, events) in std::mem::take(&mut self.channels) {
            add(&events.channel.counters().given_up, events.unsent());
            unsent.add(&name, events.unsent());
        }
    }
}
