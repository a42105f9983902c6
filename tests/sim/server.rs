//! The server, and the subscriber connection to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cache_runtime::__private::link::{ChannelId, Identity, Role, ServerInfo};
use cache_runtime::bus::Cause;

use crate::faults::Fault;
use crate::ledger::Event;
use crate::process::{Generation, Signal};
use crate::queue::{Command, Happening, Ticket};
use crate::world::{World, ms};

/// What the server sends over a connection.
#[derive(Debug, Clone)]
pub(crate) enum Wire {
    Connected(ServerInfo),
    Confirmed(ChannelId),
    Refused(ChannelId),
    Unsubscribed(ChannelId),
    Message(ChannelId, Event),
    Canary(u64),
    Told(u64, ServerInfo),
    Disconnected(Cause),
}

/// One of the servers.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    primary: bool,
    identity: u64,
    /// Whether its subscribers receive what is published on the primary.
    replicates: bool,
}

pub(crate) type HostId = usize;

/// A connection for publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commands {
    pub(crate) number: u64,
    pub(crate) host: HostId,
    /// When the latest piece arrives; later pieces arrive after it.
    upwards: Duration,
    downwards: Duration,
}

/// The two servers that the address can lead to. Other instances publish on one, the primary.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) hosts: [Host; 2],
    pub(crate) primary: HostId,
    /// The server that new connections reach.
    pub(crate) address: HostId,
    identities: u64,
    pub(crate) connection: Option<Connection>,
    pub(crate) commands: Option<Commands>,
    opened: u64,
    /// Since when other instances do not receive what this process publishes.
    pub(crate) unheard: Option<Duration>,
    /// Until when pushes vanish on the connection, which stays open, and what has vanished.
    pub(crate) skipping: Duration,
    skipped: Vec<Event>,
    skipped_canaries: usize,
    /// Until when these faults last.
    pub(crate) down: Duration,
    pub(crate) frozen: Duration,
    pub(crate) refused: BTreeMap<ChannelId, Duration>,
}

impl Server {
    pub(crate) fn new() -> Self {
        let host = |identity| Host {
            primary: identity == 0,
            identity,
            replicates: true,
        };
        Self {
            hosts: [host(0), host(1)],
            primary: 0,
            address: 0,
            identities: 1,
            connection: None,
            commands: None,
            opened: 0,
            unheard: None,
            skipping: Duration::ZERO,
            skipped: Vec::new(),
            skipped_canaries: 0,
            down: Duration::ZERO,
            frozen: Duration::ZERO,
            refused: BTreeMap::new(),
        }
    }

    fn new_identity(&mut self, host: HostId) {
        self.identities += 1;
        self.hosts[host].identity = self.identities;
    }

    fn info(&self, host: HostId) -> ServerInfo {
        let host = &self.hosts[host];
        ServerInfo {
            role: if host.primary {
                Role::Primary
            } else {
                Role::Other("replica".into())
            },
            identity: Some(Identity(host.identity)),
        }
    }

    /// Whether subscribers of one server receive what is published on another.
    fn hears(&self, host: HostId, publisher: HostId) -> bool {
        let replica = &self.hosts[host];
        host == publisher || publisher == self.primary && !replica.primary && replica.replicates
    }
}

/// Each direction keeps its order; each piece takes its own time.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) generation: Generation,
    pub(crate) host: HostId,
    pub(crate) subscribed: BTreeSet<ChannelId>,
    /// When the latest piece arrives in each direction; later pieces arrive after it.
    pub(crate) upwards: Duration,
    pub(crate) downwards: Duration,
    /// Whether pieces in each direction vanish.
    pub(crate) hole_up: bool,
    pub(crate) hole_down: bool,
}

impl Connection {
    pub(crate) fn new(generation: Generation, host: HostId) -> Self {
        Self {
            generation,
            host,
            subscribed: BTreeSet::new(),
            upwards: Duration::ZERO,
            downwards: Duration::ZERO,
            hole_up: false,
            hole_down: false,
        }
    }
}

impl World {
    /// The delay of a piece, short enough for canaries to be in time.
    pub(crate) fn delay(&mut self) -> Duration {
        let longest = if self.rng.one_in(20) { ms(15) } else { ms(3) };
        self.rng.between(Duration::from_micros(50), longest)
    }

    pub(crate) fn connect_at_server(&mut self, generation: Generation) {
        if generation != self.process.generation {
            return;
        }
        if self.now < self.server.down {
            let refused = Wire::Disconnected(Cause::Unreachable("refused".into()));
            let at = self.now + self.delay();
            self.queue.push(at, Happening::Arrive(generation, refused));
            return;
        }
        let host = self.server.address;
        if !self.server.hosts[host].primary {
            let refused = Wire::Disconnected(Cause::NotPrimary("replica".into()));
            let at = self.now + self.delay();
            self.queue.push(at, Happening::Arrive(generation, refused));
            return;
        }
        self.server.connection = Some(Connection::new(generation, host));
        let server = self.server.info(host);
        self.send_down(Wire::Connected(server));
    }

    pub(crate) fn command_at_server(
        &mut self,
        generation: Generation,
        id: ChannelId,
        command: Command,
    ) {
        let refused = self.server.refused.get(&id).copied().unwrap_or_default();
        let Some(connection) = self.server.connection.as_mut() else {
            return;
        };
        if connection.generation != generation {
            return;
        }
        let host = connection.host;
        let answer = match command {
            Command::Ask(canary) => Wire::Told(canary, self.server.info(host)),
            Command::Subscribe if self.now < refused => Wire::Refused(id),
            Command::Subscribe => {
                connection.subscribed.insert(id);
                Wire::Confirmed(id)
            }
            Command::Unsubscribe => {
                connection.subscribed.remove(&id);
                Wire::Unsubscribed(id)
            }
        };
        self.send_down(answer);
    }

    /// Publishes an event of another instance, unless the server is down.
    pub(crate) fn publish(&mut self, id: ChannelId) {
        if self.now < self.server.down {
            return;
        }
        let valid = self.now >= self.malformed || self.rng.one_in(3);
        let event = self.check.ledger.published(self.now, id, valid);
        self.trace(|| format!("published {event:?} in {id:?}, valid: {valid}"));
        if self.plan.in_process {
            self.post(Signal::EveryGeneration(Wire::Message(id, event)));
            return;
        }
        let subscribed = self.server.connection.as_ref().is_some_and(|connection| {
            connection.subscribed.contains(&id)
                && self.server.hears(connection.host, self.server.primary)
        });
        if subscribed {
            self.send_down(Wire::Message(id, event));
        } else {
            self.check.ledger.lost(event, self.blame);
        }
    }

    /// The connection for publishing: the present one, or a new one.
    pub(crate) fn commands(&mut self) -> Commands {
        if let Some(commands) = self.server.commands {
            return commands;
        }
        self.server.opened += 1;
        let host = self.server.address;
        let commands = Commands {
            number: self.server.opened,
            host,
            upwards: self.now,
            downwards: self.now,
        };
        self.server.commands = Some(commands);
        self.judge_who_hears();
        commands
    }

    /// A piece goes up a connection for publishing; when it arrives.
    pub(crate) fn up_commands(&mut self) -> Duration {
        let at = self.now + self.delay();
        let commands = self.server.commands.as_mut().expect("it was just opened");
        commands.upwards = at.max(commands.upwards);
        commands.upwards
    }

    /// Takes note of whether other instances receive what this process publishes.
    pub(crate) fn judge_who_hears(&mut self) {
        let Some(commands) = self.server.commands else {
            return;
        };
        if commands.host == self.server.primary {
            self.server.unheard = None;
        } else {
            self.server.unheard.get_or_insert(self.now);
        }
    }

    pub(crate) fn canary_at_server(&mut self, number: u64, sent_on: Commands) {
        if self.plan.in_process {
            self.post(Signal::EveryGeneration(Wire::Canary(number)));
            return;
        }
        // The connection may have been moved to another server meanwhile.
        let host = match self.server.commands {
            Some(present) if present.number == sent_on.number => present.host,
            _ => sent_on.host,
        };
        let generation = self.process.generation;
        let mut at = self.now + self.delay();
        if let Some(commands) = &mut self.server.commands {
            commands.downwards = at.max(commands.downwards);
            at = commands.downwards;
        }
        let told = Happening::Told(generation, number, sent_on, self.server.info(host));
        self.queue.push(at, told);
        let heard = self.server.connection.as_ref().is_some_and(|connection| {
            connection.subscribed.contains(&ChannelId::CANARY)
                && self.server.hears(connection.host, host)
        });
        if heard {
            self.send_down(Wire::Canary(number));
        }
    }

    pub(crate) fn send_up(&mut self, id: ChannelId, command: Command) {
        let at = self.now + self.delay();
        let Some(connection) = self.server.connection.as_mut() else {
            return;
        };
        // If the server has another connection, or none, it has already closed the process's.
        if connection.generation != self.process.generation || connection.hole_up {
            return;
        }
        connection.upwards = at.max(connection.upwards);
        let command = Happening::Command(connection.generation, id, command);
        self.queue.push(connection.upwards, command);
    }

    pub(crate) fn send_down(&mut self, wire: Wire) {
        let at = self.now + self.delay();
        let Some(connection) = self.server.connection.as_mut() else {
            return;
        };
        if connection.hole_down {
            if let Wire::Message(_, event) = wire {
                self.check.ledger.lost(event, Fault::HoleDown);
            }
            return;
        }
        if self.now < self.server.skipping {
            match wire {
                Wire::Message(_, event) => {
                    self.check.ledger.lost(event, Fault::Skip);
                    return self.server.skipped.push(event);
                }
                Wire::Canary(_) => {
                    self.server.skipped_canaries += 1;
                    return;
                }
                _ => {}
            }
        }
        connection.downwards = at.max(connection.downwards);
        let arrival = Happening::Arrive(connection.generation, wire);
        self.queue.push(connection.downwards, arrival);
    }

    /// Closes the connection at the server. With `deliver_the_rest`, what is on its way still
    /// arrives.
    pub(crate) fn hang_up(&mut self, deliver_the_rest: bool) {
        let Some(generation) = self.server.connection.as_ref().map(|c| c.generation) else {
            return;
        };
        if !deliver_the_rest {
            self.cut = Some((generation, self.queue.latest_ticket()));
        }
        self.send_down(Wire::Disconnected(Cause::Disconnected));
        self.server.connection = None;
    }

    /// Whether a piece was on its way when the rest of its connection was discarded.
    pub(crate) fn is_cut_off(&self, generation: Generation, ticket: Ticket) -> bool {
        self.cut
            .is_some_and(|(cut, last)| generation == cut && ticket <= last)
    }

    /// Records a discarded piece.
    pub(crate) fn cut_off(&mut self, wire: &Wire) {
        if let Wire::Message(_, event) = wire {
            self.check.ledger.lost(*event, self.blame);
        }
    }

    /// Pushes vanish for a while on a connection that stays open.
    pub(crate) fn skip(&mut self, until: Duration) {
        self.server.skipping = self.server.skipping.max(until);
        self.queue.push(until, Happening::PushesReturn);
    }

    /// A loss without a lost canary cannot be noticed.
    pub(crate) fn pushes_return(&mut self) {
        if self.now < self.server.skipping {
            return;
        }
        let skipped = std::mem::take(&mut self.server.skipped);
        if std::mem::take(&mut self.server.skipped_canaries) == 0 {
            for event in skipped {
                self.check.ledger.excuse(event);
            }
        }
    }

    /// A fail-over: the other server is the primary now. Connections stay where they are, and the
    /// address leads to the old one for a while.
    pub(crate) fn fail_over(&mut self, until: Duration) {
        let old = self.server.primary;
        let new = 1 - old;
        self.server.new_identity(new);
        self.server.hosts[new].primary = true;
        self.server.hosts[old].primary = false;
        self.server.hosts[old].replicates = self.rng.one_in(2);
        self.server.primary = new;
        self.queue.push(until, Happening::Readdress);
        self.judge_who_hears();
    }

    pub(crate) fn readdress(&mut self) {
        self.server.address = self.server.primary;
    }

    /// The server is replaced behind the connections, which stay, without their subscriptions: by
    /// another one, or by itself from a snapshot.
    pub(crate) fn replace(&mut self) {
        let primary = self.server.primary;
        self.server.new_identity(primary);
        if let Some(connection) = &mut self.server.connection {
            connection.subscribed.clear();
        }
    }

    /// A balancer moves one of the two connections to another server, which answers that it is a
    /// primary.
    pub(crate) fn split(&mut self) {
        // An address that leads to a server which is wrongly a primary is not modelled, because an
        // instance cannot find that out by asking the server.
        if self.server.address != self.server.primary {
            return;
        }
        let other = 1 - self.server.primary;
        self.server.new_identity(other);
        self.server.hosts[other].primary = true;
        if self.rng.one_in(2) {
            if let Some(commands) = &mut self.server.commands {
                commands.host = other;
            }
            self.judge_who_hears();
        } else if let Some(connection) = &mut self.server.connection {
            connection.host = other;
            if self.rng.one_in(2) {
                connection.subscribed.clear();
            }
        }
    }
}
