//! The server, and the subscriber connection to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cache_runtime::__private::link::ChannelId;
use cache_runtime::bus::Cause;

use crate::faults::Fault;
use crate::ledger::Event;
use crate::process::{Generation, Signal};
use crate::queue::{Command, Happening, Ticket};
use crate::world::{World, ms};

/// What the server sends over a connection.
#[derive(Debug, Clone)]
pub(crate) enum Wire {
    Connected,
    Confirmed(ChannelId),
    Refused(ChannelId),
    Unsubscribed(ChannelId),
    Message(ChannelId, Event),
    Canary(u64),
    Disconnected(Cause),
}

#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) connection: Option<Connection>,
    /// The time until which each of these faults lasts.
    pub(crate) down: Duration,
    pub(crate) frozen: Duration,
    pub(crate) refused: BTreeMap<ChannelId, Duration>,
}

/// A connection. Each direction keeps its order, and each piece has its own delay.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) generation: Generation,
    pub(crate) subscribed: BTreeSet<ChannelId>,
    /// When the latest piece arrives in each direction; later pieces arrive after it.
    pub(crate) upwards: Duration,
    pub(crate) downwards: Duration,
    /// Whether pieces in each direction vanish.
    pub(crate) hole_up: bool,
    pub(crate) hole_down: bool,
}

impl Connection {
    pub(crate) fn new(generation: Generation) -> Self {
        Self {
            generation,
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
        self.server.connection = Some(Connection::new(generation));
        self.send_down(Wire::Connected);
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
        let answer = match command {
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
        let subscribed = self
            .server
            .connection
            .as_ref()
            .is_some_and(|connection| connection.subscribed.contains(&id));
        if subscribed {
            self.send_down(Wire::Message(id, event));
        } else {
            self.check.ledger.lost(event, self.blame);
        }
    }

    pub(crate) fn canary_at_server(&mut self, number: u64) {
        if self.plan.in_process {
            self.post(Signal::EveryGeneration(Wire::Canary(number)));
            return;
        }
        let heard = self
            .server
            .connection
            .as_ref()
            .is_some_and(|connection| connection.subscribed.contains(&ChannelId::CANARY));
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
}
