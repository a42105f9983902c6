//! The process: does what `bus/supervisor.rs` does, with a simulated clock.

use std::collections::BTreeMap;
use std::time::Duration;

use cache_runtime::__private::link::{
    ChannelId, Input, Link, Output, Role, ServerInfo, Side, Timings,
};
use cache_runtime::bus::Cause;

use crate::faults::Fault;
use crate::queue::{Command, Happening};
use crate::server::Wire;
use crate::world::{World, ms};

/// The number of a connection. It distinguishes data of an old connection from the present one's.
pub(crate) type Generation = u64;

#[derive(Debug)]
pub(crate) struct Process {
    link: Link,
    inbox: Vec<Signal>,
    pub(crate) generation: Generation,
    connected: bool,
    /// An attempt to connect is on its way.
    attempt: bool,
    /// The latest attempt that took too long; its result is ignored.
    given_up: Generation,
    /// Commands that were not answered yet.
    commands: BTreeMap<u64, ChannelId>,
    command: u64,
    /// When the process takes from its inbox next.
    wake: Option<Duration>,
    /// Until this time the supervisor's task does not run.
    pub(crate) stalled: Duration,
    /// Until this time the whole process does not run.
    pub(crate) stopped: Duration,
}

#[derive(Debug)]
pub(crate) enum Signal {
    Subscribe(ChannelId),
    Unsubscribe(ChannelId),
    Wire(Generation, Wire),
    EveryGeneration(Wire),
    Told(Generation, u64, u64, ServerInfo),
    CanaryFailed,
    Overflow,
}

impl Signal {
    fn is_message(&self) -> bool {
        matches!(
            self,
            Self::Wire(_, Wire::Message(..) | Wire::Canary(_))
                | Self::EveryGeneration(_)
                | Self::Overflow
        )
    }
}

impl Process {
    pub(crate) fn new(timings: Timings) -> Self {
        Self {
            link: Link::new(timings),
            inbox: Vec::new(),
            generation: 0,
            connected: false,
            attempt: false,
            given_up: 0,
            commands: BTreeMap::new(),
            command: 0,
            wake: None,
            stalled: Duration::ZERO,
            stopped: Duration::ZERO,
        }
    }
}

impl World {
    pub(crate) fn post(&mut self, signal: Signal) {
        if self.process.inbox.len() >= self.plan.inbox {
            self.collapse();
        }
        self.process.inbox.push(signal);
        let soon = Duration::from_micros(self.rng.below(100));
        self.wake_by(self.now + soon);
    }

    /// Discards all messages, because an overflow is a loss anyway. Signals that change the link's
    /// state are kept.
    fn collapse(&mut self) {
        let (messages, mut kept): (Vec<_>, Vec<_>) =
            self.process.inbox.drain(..).partition(Signal::is_message);
        kept.push(Signal::Overflow);
        self.process.inbox = kept;
        self.trace(|| format!("overflow: {} discarded", messages.len()));
        for message in messages {
            if let Signal::Wire(_, Wire::Message(_, event))
            | Signal::EveryGeneration(Wire::Message(_, event)) = message
            {
                self.check.ledger.lost(event, Fault::Overflow);
            }
        }
    }

    pub(crate) fn arrive(&mut self, generation: Generation, wire: Wire) {
        if generation == self.process.given_up {
            return;
        }
        if generation == self.process.generation {
            match &wire {
                Wire::Confirmed(id) | Wire::Refused(id) | Wire::Unsubscribed(id) => {
                    self.process.commands.retain(|_, of| of != id);
                }
                Wire::Connected(_) | Wire::Disconnected(_) => self.process.attempt = false,
                Wire::Message(..) | Wire::Canary(_) | Wire::Told(..) => {}
            }
        }
        self.post(Signal::Wire(generation, wire));
    }

    pub(crate) fn connect_timeout(&mut self, generation: Generation) {
        if generation == self.process.generation && self.process.attempt {
            self.process.attempt = false;
            self.process.given_up = generation;
            self.server.connection = None;
            let timeout = Wire::Disconnected(Cause::Timeout("connecting".into()));
            self.post(Signal::Wire(generation, timeout));
        }
    }

    pub(crate) fn command_timeout(&mut self, generation: Generation, number: u64) {
        let pending = self.process.commands.remove(&number).is_some();
        if generation == self.process.generation && pending {
            let timeout = Wire::Disconnected(Cause::Timeout("a command".into()));
            self.post(Signal::Wire(generation, timeout));
        }
    }

    fn wake_by(&mut self, at: Duration) {
        if self.process.wake.is_none_or(|wake| at < wake) {
            self.process.wake = Some(at);
            self.queue.push(at, Happening::Wake);
        }
    }

    /// One turn of the supervisor's loop.
    pub(crate) fn wake(&mut self) {
        if self.process.wake != Some(self.now) {
            return;
        }
        self.process.wake = None;
        let runs = self.process.stalled.max(self.process.stopped);
        if self.now < runs {
            return self.wake_by(runs);
        }
        for signal in std::mem::take(&mut self.process.inbox) {
            self.receive(signal);
        }
        if self.process.link.timeout().is_some_and(|at| self.now >= at) {
            self.feed(Input::Tick);
            let timeout = self.process.link.timeout();
            self.check.ticked(self.now, timeout);
        }
        if let Some(at) = self.process.link.timeout() {
            self.wake_by(at);
        }
    }

    /// Checks that what was due 1 ms ago has been done, if the process ran.
    pub(crate) fn check_the_time(&mut self) {
        let moment = self.now.saturating_sub(ms(1));
        if moment > self.process.stalled.max(self.process.stopped) {
            self.check.on_time(moment);
        }
    }

    fn receive(&mut self, signal: Signal) {
        match signal {
            Signal::Subscribe(id) => self.feed(Input::Subscribe(id)),
            Signal::Unsubscribe(id) => self.feed(Input::Unsubscribe(id)),
            Signal::Told(generation, canary, connection, server) => {
                if generation == self.process.generation {
                    self.feed(Input::Server {
                        canary,
                        side: Side::Commands,
                        connection,
                        server,
                    });
                }
            }
            Signal::CanaryFailed => self.feed(Input::CanaryFailed(Cause::Closed)),
            Signal::Overflow => self.feed(Input::Overflow),
            Signal::EveryGeneration(wire) => self.receive_wire(wire),
            Signal::Wire(generation, wire) if generation == self.process.generation => {
                self.receive_wire(wire);
            }
            Signal::Wire(_, Wire::Message(_, event)) => self.check.ledger.lost(event, self.blame),
            Signal::Wire(..) => {}
        }
    }

    fn receive_wire(&mut self, wire: Wire) {
        let input = match wire {
            Wire::Connected(server) => {
                self.process.connected = true;
                Input::Connected(server)
            }
            Wire::Confirmed(channel) => Input::Confirmed {
                channel,
                gapless: false,
            },
            Wire::Refused(id) => Input::Refused(id, Cause::Refused("by its rules".into())),
            Wire::Unsubscribed(id) => Input::Unsubscribed(id),
            Wire::Canary(number) => Input::Canary(number),
            Wire::Told(canary, server) => Input::Server {
                canary,
                side: Side::Events,
                connection: self.process.generation,
                server,
            },
            Wire::Disconnected(cause) => Input::Disconnected(cause),
            Wire::Message(id, event) => {
                let accepted = self.process.link.accepts(id);
                self.trace(|| format!("-> event {event} in {id:?}, accepted: {accepted}"));
                if accepted {
                    self.check.accepted(id);
                    if !self.check.ledger.deliver(event) {
                        self.feed(Input::Rejected(id));
                    }
                }
                return self.check.ledger.lost(event, self.blame);
            }
        };
        self.feed(input);
    }

    fn feed(&mut self, input: Input) {
        self.handle(input);
        while let Some(output) = self.process.link.poll_output() {
            self.act(&output);
        }
        self.check.drained(self.now);
    }

    fn handle(&mut self, input: Input) {
        self.trace(|| format!("-> {input:?}"));
        self.check.fed(&input);
        self.process.link.handle(self.now, input);
    }

    fn act(&mut self, output: &Output) {
        self.trace(|| format!("<- {output:?}"));
        self.check.output(self.now, output);
        match *output {
            Output::Connect => self.connect(),
            Output::Disconnect => {
                self.new_generation();
                self.server.connection = None;
                self.server.commands = None;
            }
            Output::Subscribe(id) => self.command(id, Command::Subscribe),
            Output::Unsubscribe(id) => self.command(id, Command::Unsubscribe),
            Output::SendCanary(number) => self.send_canary(number),
            Output::Lease { until } => self.check_that_others_hear(until),
            // For the check only.
            Output::Flush(..) | Output::ChannelHealth(..) | Output::LinkHealth(_) => {}
        }
    }

    fn new_generation(&mut self) {
        self.process.generation += 1;
        self.process.connected = false;
        self.process.attempt = false;
        self.process.commands.clear();
    }

    fn connect(&mut self) {
        self.new_generation();
        if self.plan.in_process {
            self.process.connected = true;
            return self.handle(Input::Connected(in_process()));
        }
        let generation = self.process.generation;
        self.process.attempt = true;
        let arrival = self.now + self.delay();
        self.queue.push(arrival, Happening::Connect(generation));
        let timeout = self.now + self.plan.connect_timeout;
        self.queue
            .push(timeout, Happening::ConnectTimeout(generation));
    }

    fn command(&mut self, id: ChannelId, command: Command) {
        if !self.process.connected {
            return;
        }
        if self.plan.in_process {
            return self.handle(match command {
                Command::Subscribe => Input::Confirmed {
                    channel: id,
                    gapless: true,
                },
                Command::Unsubscribe => Input::Unsubscribed(id),
                Command::Ask(_) => unreachable!("it is not sent"),
            });
        }
        self.process.command += 1;
        let number = self.process.command;
        self.process.commands.insert(number, id);
        self.send_up(id, command);
        let timeout = Happening::CommandTimeout(self.process.generation, number);
        self.queue
            .push(self.now + self.plan.response_timeout, timeout);
    }

    /// A canary that renews the lease also has to prove that other instances received what this
    /// process published when it was sent.
    fn check_that_others_hear(&mut self, until: Duration) {
        let sent = until.saturating_sub(self.plan.timings.lease);
        let unheard = self.server.unheard;
        self.check
            .require(unheard.is_none_or(|since| sent <= since), || {
                format!("live since {sent:?}, and others do not hear it since {unheard:?}")
            });
    }

    /// Publishes a canary on the connection for publishing. Sometimes it is published twice, which
    /// the link has to allow for.
    fn send_canary(&mut self, number: u64) {
        if self.plan.in_process {
            return self.send_canary_in_process(number);
        }
        self.send_up(ChannelId::CANARY, Command::Ask(number));
        let arrival = self.now + self.delay();
        if self.now < self.canary_failing || self.now < self.server.down {
            return self.queue.push(arrival, Happening::CanaryFailed);
        }
        if self.now < self.canary_hole {
            let timeout = self.now + self.plan.response_timeout;
            return self.queue.push(timeout, Happening::CanaryFailed);
        }
        let commands = self.commands();
        let arrival = self.up_commands();
        self.queue
            .push(arrival, Happening::Canary(number, commands));
        if self.rng.one_in(20) {
            let again = self.up_commands();
            self.queue.push(again, Happening::Canary(number, commands));
        }
    }

    fn send_canary_in_process(&mut self, number: u64) {
        let told = |side| Input::Server {
            canary: number,
            side,
            connection: 0,
            server: in_process(),
        };
        let arrival = self.now + self.delay();
        if self.now < self.canary_failing {
            return self.queue.push(arrival, Happening::CanaryFailed);
        }
        if self.now < self.canary_hole {
            return;
        }
        self.handle(told(Side::Events));
        self.handle(told(Side::Commands));
        let commands = self.commands();
        self.queue
            .push(arrival, Happening::Canary(number, commands));
    }
}

fn in_process() -> ServerInfo {
    ServerInfo {
        role: Role::Primary,
        identity: None,
    }
}
