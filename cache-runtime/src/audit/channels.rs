//! The channels of the program, as the buses of this process see them.

use crate::bus::Shared;
use crate::channel::ChannelStats;
use crate::channel::{self, DeclaredChannel};
use crate::health::Health;
use crate::place::Place;
use crate::wire::EventSchema;

/// A service's channel under one name, as every bus that has it sees it.
pub(super) struct Channel {
    pub(super) service: &'static str,
    pub(super) schema: &'static EventSchema,
    pub(super) place: Place,
    /// With the namespace of the buses, if there are any.
    pub(super) name: String,
    pub(super) uses: Vec<Use>,
}

impl Channel {
    fn new(registration: &'static DeclaredChannel, name: String, uses: Vec<Use>) -> Self {
        Self {
            service: registration.service(),
            schema: registration.schema(),
            place: Place {
                file: registration.file(),
                line: registration.line(),
            },
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
}

/// The channels of every service of the program.
pub(super) fn uses() -> Vec<Channel> {
    let buses: Vec<_> = Shared::all()
        .into_iter()
        .filter(|bus| !bus.is_closed())
        .collect();
    let mut all: Vec<Channel> = Vec::new();
    for registration in channel::channels() {
        let first = all.len();
        for bus in &buses {
            let name = bus.settings().full_name(registration.channel());
            let channels = bus.channels();
            let Some(channel) = channels.iter().find(|channel| **channel.name() == *name) else {
                continue;
            };
            let this = Use {
                bus: bus.id(),
                health: bus.checked(channel.health().get()),
                stats: channel.stats(),
                subscribers: channel.subscribers(),
            };
            match all[first..].iter_mut().find(|other| other.name == name) {
                Some(known) => known.uses.push(this),
                None => all.push(Channel::new(registration, name, vec![this])),
            }
        }
        if all.len() == first {
            let name = registration.channel().to_owned();
            all.push(Channel::new(registration, name, Vec::new()));
        }
    }
    all
}
