//! The channels of a bus that have subscribers, and which link serves each.

#![cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "only in a cluster do channels move")
)]

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::fences::Fences;
use super::lease::Lease;
use super::links::Link;
use crate::channel::Dispatch;
use crate::health::{Cause, Combined, Health, Reported};
use crate::link::ChannelId;
use crate::random;
use crate::settings::Settings;
use crate::slot::{number_in, slot_of};
use crate::transport::{Servers, Transport};

/// The channels in use, and the links that serve them.
pub(super) struct Table {
    fences: Arc<Fences>,
    pub(super) channels: HashMap<Arc<str>, Arc<dyn Dispatch>>,
    wanted: HashMap<ChannelId, Subscribed>,
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
    /// The link that serves it; otherwise the numbers that reports of its health have to name.
    place: Result<u64, Numbers>,
}

#[derive(Clone, Copy)]
struct Numbers {
    channel: u64,
    bus: u64,
}

impl Table {
    pub(super) fn new(fences: Arc<Fences>) -> Self {
        Self {
            fences,
            channels: HashMap::new(),
            wanted: HashMap::new(),
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

    fn remove(&mut self, number: u64) {
        let Some(mut link) = self.links.remove(&number) else {
            return;
        };
        if let Some(combined) = &self.combined {
            combined.links.remove(&link.health);
        }
        drop(link.end());
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
        let place = self.subscribe(settings, channel, carrier);
        let subscribed = Subscribed {
            channel: Arc::clone(channel),
            subscribers: 1,
            place,
        };
        self.wanted.insert(id, subscribed);
    }

    fn subscribe(
        &mut self,
        settings: &Settings,
        channel: &Arc<dyn Dispatch>,
        carrier: Option<&Transport>,
    ) -> Result<u64, Numbers> {
        let Some(carrier) = carrier else {
            let unserved = self.combined.as_ref().map(|combined| &combined.unserved);
            return Err(Numbers {
                channel: channel.health().want(),
                bus: unserved.map_or(0, |unserved| unserved.want()),
            });
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
            let lease = Arc::new(Lease::new(settings.lease));
            let place = (random::number(), Some(slot));
            self.add(Link::new(settings, place, carrier, lease))
        };
        if let Some(link) = self.links.get_mut(&number) {
            link.is_unused = false;
            link.subscribe(settings, &self.fences, channel);
        }
        Ok(number)
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
        match subscribed.place {
            Ok(number) => {
                if let Some(link) = self.links.get(&number) {
                    link.unsubscribe(channel);
                }
            }
            Err(numbers) => channel.health().report(numbers.channel, &Health::Idle),
        }
        self.wanted.remove(&channel.id());
        self.settle_unserved(None);
    }

    /// Moves every channel whose slot another node serves by now. Returns the channels that may have
    /// lost events by that; they are not live already. `retry` also subscribes those again that the
    /// node has refused although it serves their slot.
    pub(super) fn move_all(
        &mut self,
        settings: &Settings,
        servers: &Servers,
        retry: bool,
    ) -> Vec<Arc<dyn Dispatch>> {
        self.end_strayed(servers, retry);
        let mut moving = Vec::new();
        for (id, subscribed) in &self.wanted {
            let carrier = servers.carrier(subscribed.channel.name());
            let link = subscribed
                .place
                .ok()
                .and_then(|number| self.links.get(&number));
            let stays = match (link, &carrier) {
                (Some(link), Some(carrier)) => {
                    link.transport.is(carrier) && !(retry && is_refused(&*subscribed.channel))
                }
                (None, None) => true,
                _ => false,
            };
            if !stays {
                moving.push((*id, Arc::clone(&subscribed.channel), carrier));
            }
        }
        let mut moved = Vec::new();
        for (id, channel, carrier) in moving {
            let place = self
                .wanted
                .get(&id)
                .and_then(|subscribed| subscribed.place.ok());
            let link = place.and_then(|number| self.links.get(&number));
            if let Some(link) = link {
                link.unsubscribe(&*channel);
            }
            let place = self.subscribe(settings, &channel, carrier.as_ref());
            if let Some(subscribed) = self.wanted.get_mut(&id) {
                subscribed.place = place;
            }
            moved.push(channel);
        }
        self.settle_unserved(Some(&Cause::Moved("no node serves the slot".into())));
        moved
    }

    /// Tells the channels that no link serves why.
    pub(super) fn settle_unserved(&self, cause: Option<&Cause>) {
        let mut any = false;
        for subscribed in self.wanted.values() {
            let Err(numbers) = subscribed.place else {
                continue;
            };
            any = true;
            if let (Some(cause), Some(combined)) = (cause, &self.combined) {
                let down = Health::Down(cause.clone());
                subscribed.channel.health().report(numbers.channel, &down);
                combined.unserved.report(numbers.bus, &down);
            }
        }
        if let Some(combined) = &self.combined
            && !any
        {
            combined.unserved.set(&Health::Idle);
        }
    }

    /// Ends the links whose canary can no longer come back, because its slot has moved, and those of
    /// nodes that are not used any more.
    fn end_strayed(&mut self, servers: &Servers, retry: bool) {
        let mut ending = Vec::new();
        for (number, link) in &mut self.links {
            let is_here = |name: &str| {
                let carrier = servers.carrier(name);
                carrier.is_some_and(|carrier| link.transport.is(&carrier))
            };
            let canary = link.slot.map(|slot| number_in(slot).to_string());
            let strayed = canary.is_some_and(|canary| !is_here(&canary));
            let mut served = self.wanted.values();
            let mut served = served
                .by_ref()
                .filter(|channel| channel.place.ok() == Some(*number));
            let Some(first) = served.next() else {
                // Once more, so that what it still reports is heard.
                if strayed && std::mem::replace(&mut link.is_unused, strayed) {
                    ending.push(*number);
                }
                continue;
            };
            let mut all_refused =
                || is_refused(&*first.channel) && served.all(|other| is_refused(&*other.channel));
            if strayed || retry && all_refused() {
                ending.push(*number);
            }
        }
        for number in ending {
            self.remove(number);
        }
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

/// Whether the node has answered that it does not serve the channel's slot.
fn is_refused(channel: &dyn Dispatch) -> bool {
    matches!(channel.health().get(), Health::Down(Cause::Moved(_)))
}
