//! A simulated server: what it has, and what it says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::request::Entry;
use super::slots::View;
use crate::clock::nanos;
use crate::server_info::{Identity, Role, ServerInfo};
use crate::simulation::{random, time};
use crate::transport::instances::{Instances, Listed};
use crate::transport::wire::Wire;

#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub(super) struct Server {
    pub(super) is_primary: bool,
    /// When it has stopped being the primary; `None` if it never was one.
    pub(super) replica_since: Option<Instant>,
    /// It takes no connections, and has lost all that it had.
    pub(super) is_down: bool,
    /// It handles nothing, and its connections stay.
    pub(super) is_frozen: bool,
    /// It refuses to write the list of instances.
    pub(super) refuses_list: bool,
    /// New with every start.
    identity: Identity,
    /// The connections that are subscribed to each channel.
    pub(super) subscribed: BTreeMap<Arc<str>, BTreeSet<usize>>,
    pub(super) list: List,
    /// What it will find after a restart.
    pub(super) snapshot: List,
    /// In a cluster, what it knows of the slots.
    pub(super) view: View,
    /// How much its clock is ahead, in ms.
    ahead: u64,
    /// When the latest change of its primary reaches it.
    pub(super) replicated: Duration,
}

/// The list of instances.
#[derive(Clone, Default)]
pub(super) struct List {
    /// When it began, in ms.
    since: Option<u64>,
    listed: BTreeMap<u64, (Arc<str>, u64)>,
    /// Until when the lease of each instance is proven.
    proven: BTreeMap<u64, u64>,
}

impl Server {
    pub(super) fn new(is_primary: bool) -> Self {
        Self {
            is_primary,
            replica_since: None,
            is_down: false,
            is_frozen: false,
            refuses_list: false,
            identity: Identity(random::number()),
            subscribed: BTreeMap::new(),
            list: List::default(),
            snapshot: List::default(),
            view: View::default(),
            ahead: 1_000_000 + random::below(1_000_000),
            replicated: Duration::ZERO,
        }
    }

    /// Starts again, with what it has stored or with nothing.
    pub(super) fn start(&mut self, list: List) {
        self.identity = Identity(random::number());
        self.subscribed.clear();
        self.list = list;
        self.is_down = false;
        self.is_frozen = false;
    }

    pub(super) fn forget(&mut self, connection: usize) {
        for subscribed in self.subscribed.values_mut() {
            subscribed.remove(&connection);
        }
    }

    /// Ends the subscriptions of some channels. Returns them, with their connections.
    pub(super) fn take_subscribed(
        &mut self,
        chosen: impl Fn(&str) -> bool,
    ) -> Vec<(Arc<str>, usize)> {
        let mut taken = Vec::new();
        for (channel, connections) in &mut self.subscribed {
            if chosen(channel) {
                let connections = std::mem::take(connections).into_iter();
                taken.extend(connections.map(|connection| (Arc::clone(channel), connection)));
            }
        }
        taken
    }

    pub(super) fn info(&self) -> ServerInfo {
        ServerInfo {
            role: if self.is_primary {
                Role::Primary
            } else {
                Role::Other("replica".into())
            },
            identity: Some(self.identity),
        }
    }

    /// Its clock, in ms.
    pub(super) fn now(&self) -> u64 {
        self.ahead + nanos(time::elapsed()) / 1_000_000
    }

    /// What its subscribers receive.
    pub(super) fn publish(&self, channel: &str, payload: &[u8]) -> Vec<(usize, Wire)> {
        let subscribed = self.subscribed.get(channel).into_iter().flatten();
        let message = |connection: &usize| {
            let wire = Wire::Message {
                channel: channel.into(),
                payload: payload.into(),
            };
            (*connection, wire)
        };
        subscribed.map(message).collect()
    }

    pub(super) fn instances(&self) -> Instances {
        let (now, list) = (self.now(), &self.list);
        let listed = list.listed.iter().map(|(id, (name, until))| Listed {
            id: *id,
            name: Arc::clone(name),
            until: *until,
            proven: list.proven.get(id).copied().unwrap_or(0),
        });
        let age = |since| Duration::from_millis(now.saturating_sub(since));
        Instances {
            now,
            age: list.since.map(age),
            listed: listed.collect(),
        }
    }
}

impl List {
    /// As `list.lua` does.
    pub(super) fn add(&mut self, entry: &Entry, proven: u64, now: u64) {
        let lease = nanos(entry.lease) / 1_000_000;
        self.since.get_or_insert(now);
        self.listed
            .insert(entry.id, (Arc::clone(&entry.name), now + lease));
        self.proven.insert(entry.id, proven + lease);
        self.listed.retain(|_, (_, until)| *until > now);
        self.proven.retain(|_, until| *until > now);
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.listed.remove(&id);
        self.proven.remove(&id);
    }
}
