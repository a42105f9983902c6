//! The servers, and the connections to them.

use std::collections::VecDeque;

use cache_runtime::__private::link::{Identity, Role, ServerInfo};

/// A channel of an instance; 0 is that of canaries.
pub(super) type Channel = u32;
pub(super) type Host = usize;
/// The number of one of the events that may be open at the same time.
pub(super) type Event = usize;

/// Two servers: one that the address leads to, and its replica, or a stranger.
#[derive(Debug, Clone, Hash)]
pub(super) struct Servers {
    /// Where other programs publish.
    pub(super) primary: Host,
    pub(super) roles: [HostRole; 2],
    identities: [u8; 2],
    pub(super) replaced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum HostRole {
    Primary,
    Replica {
        /// Whether its subscribers receive what is published on the primary.
        linked: bool,
    },
}

/// What a server answers of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Answer {
    pub(super) primary: bool,
    pub(super) identity: u8,
}

impl Answer {
    pub(super) fn info(self) -> ServerInfo {
        ServerInfo {
            role: if self.primary {
                Role::Primary
            } else {
                Role::Other("replica".into())
            },
            identity: Some(Identity(u64::from(self.identity))),
        }
    }
}

impl Servers {
    pub(super) fn new(second: HostRole) -> Self {
        Self {
            primary: 0,
            roles: [HostRole::Primary, second],
            identities: [0, 1],
            replaced: false,
        }
    }

    pub(super) fn answer(&self, host: Host) -> Answer {
        Answer {
            primary: self.roles[host] == HostRole::Primary,
            identity: self.identities[host],
        }
    }

    /// Whether subscribers of one server receive what is published on another.
    pub(super) fn hears(&self, host: Host, publisher: Host) -> bool {
        let linked = self.roles[host] == HostRole::Replica { linked: true };
        host == publisher || publisher == self.primary && linked
    }

    pub(super) fn fail_over(&mut self, linked: bool) {
        self.roles = [HostRole::Replica { linked }, HostRole::Primary];
        self.primary = 1;
    }

    pub(super) fn replace(&mut self) {
        self.replaced = true;
        self.identities[self.primary] = 2;
    }
}

/// What an instance sends over its connection for events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Subscribe(Channel),
    Unsubscribe(Channel),
    /// What the server is, together with this canary.
    Ask(u64),
}

/// What the server sends over the connection for events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Confirmed(Channel),
    Refused(Channel),
    Unsubscribed(Channel),
    Message(Channel, Event),
    Canary(u64),
    Told(u64, Answer),
}

/// A connection for events. Each direction keeps its order.
#[derive(Debug, Clone)]
pub(super) struct Events {
    pub(super) host: Host,
    /// By channel.
    pub(super) subscribed: Vec<bool>,
    pub(super) up: VecDeque<Command>,
    pub(super) down: VecDeque<Wire>,
    pub(super) loss: Loss,
}

/// Whether pushes vanish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Loss {
    None,
    /// They do, and none of them was a canary so far.
    Unnoticed,
    WithCanary,
}

impl Events {
    pub(super) fn new(host: Host, channels: u32) -> Self {
        Self {
            host,
            subscribed: vec![false; channels as usize + 1],
            up: VecDeque::new(),
            down: VecDeque::new(),
            loss: Loss::None,
        }
    }

    /// A message or a canary is published, and reaches this connection if it is subscribed.
    pub(super) fn push(&mut self, channel: Channel, wire: Wire) {
        if !self.subscribed[channel as usize] {
            return;
        }
        match (self.loss, wire) {
            (Loss::None, _) => self.down.push_back(wire),
            (_, Wire::Canary(_)) => self.loss = Loss::WithCanary,
            _ => {}
        }
    }
}

/// A connection for publishing. Each direction keeps its order.
#[derive(Debug, Clone)]
pub(super) struct Publishing {
    pub(super) number: u64,
    pub(super) host: Host,
    /// Canaries to publish.
    pub(super) up: VecDeque<u64>,
    /// Answers: what the server is, by the canary.
    pub(super) down: VecDeque<(u64, Answer)>,
}

impl Publishing {
    pub(super) fn new(number: u64, host: Host) -> Self {
        Self {
            number,
            host,
            up: VecDeque::new(),
            down: VecDeque::new(),
        }
    }
}
