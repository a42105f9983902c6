//! The channels of a bus that have subscribers, and which link serves each.

#![cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "only in a cluster do channels move")
)]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::counters::Counters;
use super::fences::{CanaryName, Fences};
use super::lease::Lease;
use super::links::Link;
use super::listening::Listening;
use crate::channel::Dispatch;
use crate::health::{Cause, Combined, Health, Reported};
use crate::link::ChannelId;
use crate::random;
use crate::settings::Settings;
use crate::slot::{number_in, slot_of};
use crate::transport::Transport;

/// The channels in use, and the links that serve them.
pub(super) struct Table {
    fences: Arc<Fences>,
    counters: Arc<Counters>,
    /// In order, so that a seed of a simulation decides everything.
    pub(super) channels: BTreeMap<Arc<str>, Arc<dyn Dispatch>>,
    wanted: BTreeMap<ChannelId, Subscribed>,
    /// By number. With one server there is one, which is there from the start.
    pub(super) links: HashMap<u64, Link>,
    numbers: u64,
    /// In a cluster, moves channels to the nodes of their slots.
    pub(super) mover: Option<JoinHandle<()>>,
    pub(super) combined: Option<Combination>,
}

/// In a cluster, the health of the bus.
#[derive(Clone)]
pub(super) struct Combination {
    pub(super) links: Arc<Combined>,
    /// Of the channels that no link serves.
    pub(super) unserved: Arc<Reported>,
}

/// A channel that has subscribers.
struct Subscribed {
    channel: Arc<dyn Dispatch>,
    subscribers: usize,
    served_by: ServedBy,
}

/// What serves a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServedBy {
    /// The number of a link.
    Link(u64),
    /// No node is known to serve its slot. Reports of its health have to name this number.
    Nobody { wanted: u64 },
}

impl Table {
    pub(super) fn new(fences: Arc<Fences>, counters: Arc<Counters>) -> Self {
        Self {
            fences,
            counters,
            channels: BTreeMap::new(),
            wanted: BTreeMap::new(),
            links: HashMap::new(),
            numbers: 0,
            mover: None,
            combined: None,
        }
    }

    pub(super) fn add(&mut self, link: Link) -> u64 {
        self.numbers += 1;
        if let Some(combined) = &self.combined {
            combined.links.add(&link.health);
        }
        self.links.insert(self.numbers, link);
        self.numbers
    }

    /// The id of the next channel.
    pub(super) fn next_id(&self) -> ChannelId {
        let first = (Listening::ID.0 + 1) as usize;
        ChannelId(u32::try_from(self.channels.len() + first).unwrap_or(u32::MAX))
    }

    /// Counts one more subscriber. The first subscribes the channel, over `carrier` if that is known.
    pub(super) fn want(
        &mut self,
        settings: &Settings,
        channel: &Arc<dyn Dispatch>,
        carrier: Option<&Transport>,
    ) {
        let id = channel.id();
        if let Some(subscribed) = self.wanted.get_mut(&id) {
            subscribed.subscribers += 1;
            return;
        }
        let served_by = self.subscribe(settings, channel, carrier);
        let subscribed = Subscribed {
            channel: Arc::clone(channel),
            subscribers: 1,
            served_by,
        };
        self.wanted.insert(id, subscribed);
    }

    fn subscribe(
        &mut self,
        settings: &Settings,
        channel: &Arc<dyn Dispatch>,
        carrier: Option<&Transport>,
    ) -> ServedBy {
        let Some(carrier) = carrier else {
            if let Some(combined) = &self.combined
                && combined.unserved.get() == Health::Idle
            {
                combined.unserved.settle(&Health::Connecting);
            }
            let wanted = channel.health().want();
            return ServedBy::Nobody { wanted };
        };
        let known = self
            .links
            .iter()
            .find(|(_, link)| link.transport.is(carrier));
        let number = if let Some((number, _)) = known {
            *number
        } else {
            // The slot of a channel of the node is a slot of the node.
            let slot = slot_of(channel.name());
            let carrier = carrier.clone();
            let lease = Arc::new(Lease::new(settings, Arc::clone(&self.counters)));
            let canary = CanaryName {
                id: random::number(),
                slot: Some(slot),
            };
            self.add(Link::new(settings, canary, carrier, lease))
        };
        if let Some(link) = self.links.get_mut(&number) {
            link.was_unused = false;
            link.subscribe(settings, &self.fences, channel);
        }
        ServedBy::Link(number)
    }

    /// Counts one fewer subscriber. The last unsubscribes the channel.
    pub(super) fn unwant(&mut self, channel: &dyn Dispatch) {
        let Some(subscribed) = self.wanted.get_mut(&channel.id()) else {
            return;
        };
        subscribed.subscribers -= 1;
        if subscribed.subscribers > 0 {
            return;
        }
        match subscribed.served_by {
            ServedBy::Link(number) => {
                if let Some(link) = self.links.get(&number) {
                    link.unsubscribe(channel);
                }
            }
            ServedBy::Nobody { wanted } => channel.health().report(wanted, &Health::Idle),
        }
        self.wanted.remove(&channel.id());
        self.settle_unserved();
    }

    /// Moves every channel whose slot another node serves by now, as `carrier` says. Returns the
    /// channels that may have lost events by that; they are not live already.
    pub(super) fn move_all(
        &mut self,
        settings: &Settings,
        carrier: impl Fn(&str) -> Option<Transport>,
    ) -> Vec<Arc<dyn Dispatch>> {
        // What they report counts until no channel needs them. Otherwise the bus could be reported as
        // live in between, without these channels.
        let ended = self.take_strayed(&carrier);
        let mut moving = Vec::new();
        for (id, subscribed) in &self.wanted {
            let carrier = carrier(subscribed.channel.name());
            let stays = match (subscribed.served_by, &carrier) {
                (ServedBy::Link(number), Some(carrier)) => self
                    .links
                    .get(&number)
                    .is_some_and(|link| link.transport.is(carrier)),
                (ServedBy::Nobody { .. }, None) => true,
                _ => false,
            };
            if !stays {
                moving.push((*id, Arc::clone(&subscribed.channel), carrier));
            }
        }
        let mut moved = Vec::new();
        for (id, channel, carrier) in moving {
            // At the new place first, for the same reason.
            let served_by = self.subscribe(settings, &channel, carrier.as_ref());
            if let Some(subscribed) = self.wanted.get_mut(&id) {
                let before = std::mem::replace(&mut subscribed.served_by, served_by);
                if let ServedBy::Link(number) = before
                    && let Some(link) = self.links.get(&number)
                {
                    link.unsubscribe(&*channel);
                }
            }
            moved.push(channel);
        }
        self.explain_unserved(|channel| {
            Cause::Unserved(format!("slot {} of channel `{channel}`", slot_of(channel)).into())
        });
        self.settle_unserved();
        for mut link in ended {
            if let Some(combined) = &self.combined {
                combined.links.remove(&link.health);
            }
            drop(link.end());
        }
        moved
    }

    /// Tells the channels that no link serves why, by name. The bus hears the cause of the first name, so
    /// that its health changes only with that cause.
    pub(super) fn explain_unserved(&self, cause: impl Fn(&str) -> Cause) {
        let unserved = self.wanted.values();
        let unserved = unserved.filter_map(|subscribed| match subscribed.served_by {
            ServedBy::Nobody { wanted } => Some((&subscribed.channel, wanted)),
            ServedBy::Link(_) => None,
        });
        let first = unserved.clone().map(|(channel, _)| channel.name()).min();
        if let (Some(first), Some(combined)) = (first, &self.combined) {
            combined.unserved.settle(&Health::Down(cause(first)));
        }
        for (channel, wanted) in unserved {
            let down = Health::Down(cause(channel.name()));
            channel.health().report(wanted, &down);
        }
    }

    /// Once every channel is served, nothing is unserved any more.
    fn settle_unserved(&self) {
        let mut all = self.wanted.values();
        if let Some(combined) = &self.combined
            && all.all(|subscribed| matches!(subscribed.served_by, ServedBy::Link(_)))
        {
            combined.unserved.settle(&Health::Idle);
        }
    }

    /// Takes out the links whose canary can no longer come back, because its slot has moved, and those
    /// of nodes that are not used any more.
    fn take_strayed(&mut self, carrier: impl Fn(&str) -> Option<Transport>) -> Vec<Link> {
        let wanted = &self.wanted;
        let strayed = self.links.extract_if(|number, link| {
            let canary = link.slot().map(|slot| number_in(slot).to_string());
            let is_here = canary.is_none_or(|canary| {
                carrier(&canary).is_some_and(|carrier| link.transport.is(&carrier))
            });
            if is_here {
                return false;
            }
            let mut served = wanted.values();
            let is_used = served.any(|subscribed| subscribed.served_by == ServedBy::Link(*number));
            // An unused link ends one pass later, so that its last reports are heard.
            is_used || std::mem::replace(&mut link.was_unused, true)
        });
        strayed.map(|(_, link)| link).collect()
    }

    /// Closes every link and channel. Returns the tasks, which are ending.
    pub(super) fn close(&mut self) -> Vec<JoinHandle<()>> {
        self.wanted.clear();
        if let Some(mover) = self.mover.take() {
            mover.abort();
        }
        let tasks = self.links.values_mut().filter_map(Link::end).collect();
        for channel in self.channels.values() {
            channel.close();
        }
        tasks
    }
}

#[cfg(test)]
mod tests;
