//! The channels of the program, as the buses of this process see them.

use std::time::Duration;

use super::schemas::schemas;
use crate::bus::Shared;
use crate::channel::{self, ChannelStats, DeclaredChannel};
use crate::health::{Cause, Health};
use crate::place::Place;
use crate::wire::EventSchema;

/// The channel of a service under one name, and its use on every bus that has it.
#[derive(Clone)]
pub(super) struct Channel {
    pub(super) service: &'static str,
    pub(super) schema: &'static EventSchema,
    pub(super) place: Place,
    /// The name, without a namespace.
    pub(super) declared: &'static str,
    /// That of its events, if it is known.
    pub(super) fingerprint: Option<&'static str>,
    /// The name, with the namespace of the buses, if any bus has the channel.
    pub(super) name: String,
    pub(super) uses: Vec<Use>,
}

impl Channel {
    fn new(declared: &'static DeclaredChannel, name: String, uses: Vec<Use>) -> Self {
        Self {
            service: declared.service(),
            schema: declared.schema(),
            place: Place {
                file: declared.file(),
                line: declared.line(),
            },
            declared: declared.channel(),
            fingerprint: schemas().get(declared.channel()).map(String::as_str),
            name,
            uses,
        }
    }
}

/// A channel on one bus.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub(super) bus: u64,
    pub(super) health: Health,
    pub(super) stats: ChannelStats,
    pub(super) subscribers: usize,
    /// For how long the server has not taken what is in the outbox of the bus, and why.
    pub(super) stuck: Option<(Duration, Cause)>,
}

/// The channels of every service of the program.
pub(super) fn uses() -> Vec<Channel> {
    let buses = Shared::all().into_iter().filter(|bus| !bus.is_closed());
    let buses: Vec<_> = buses.map(|bus| (bus.channels(), bus)).collect();
    let mut all: Vec<Channel> = Vec::new();
    for declared in channel::channels() {
        let first = all.len();
        for (channels, bus) in &buses {
            let name = bus.settings().full_name(declared.channel());
            let Some(channel) = channels.iter().find(|channel| **channel.name() == *name) else {
                continue;
            };
            let this = Use {
                bus: bus.id(),
                health: bus.checked(channel.health()),
                stats: channel.stats(),
                subscribers: channel.subscribers(),
                stuck: bus.outbox().stuck(),
            };
            match all[first..].iter_mut().find(|other| other.name == name) {
                Some(known) => known.uses.push(this),
                None => all.push(Channel::new(declared, name, vec![this])),
            }
        }
        if all.len() == first {
            let name = declared.channel().to_owned();
            all.push(Channel::new(declared, name, Vec::new()));
        }
    }
    all
}
