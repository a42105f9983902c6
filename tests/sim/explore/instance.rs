//! An instance: its link, its connections, and what can happen on them.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;

use cache_runtime::__private::link::{ChannelId, Input, Link, Output, Side};
use cache_runtime::bus::Cause;

use super::bounds::{Bounds, Fault, TICK};
use super::rules::{Connection, LONG_AGO, Rules};
use super::server::{Answer, Channel, Command, Events, Host, Publishing, Servers, Wire};

/// One process.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) link: Link,
    pub(super) rules: Rules,
    pub(super) events: Option<Events>,
    pub(super) publishing: Option<Publishing>,
    /// The connection for publishing before the present one.
    pub(super) former: Option<Publishing>,
    /// A canary of an earlier connection that is not published yet.
    pub(super) stray: Option<u64>,
    /// The number of the next canary.
    next: u64,
}

/// What the steps of an instance need to know.
pub(super) struct Context<'a> {
    pub(super) bounds: &'a Bounds,
    pub(super) servers: &'a Servers,
    /// In ticks.
    pub(super) now: u64,
    /// Writes down what happens.
    pub(super) log: &'a mut Option<Vec<String>>,
}

impl Instance {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self {
            link: Link::new(bounds.timings()),
            rules: Rules::new(bounds),
            events: None,
            publishing: None,
            former: None,
            stray: None,
            next: 0,
        }
    }

    pub(super) fn is_due(&self, now: u64) -> bool {
        let now = TICK * u32::try_from(now).expect("a short time");
        self.link.timeout().is_some_and(|at| at <= now)
    }

    pub(super) fn is_opening(&self) -> bool {
        self.rules.connection == Connection::Opening
    }

    /// How many pieces are on their way.
    pub(super) fn load(&self) -> usize {
        let events = self.events.iter().map(|c| c.up.len() + c.down.len());
        let publishing = self.publishing.iter().chain(&self.former);
        let publishing = publishing.map(|c| c.up.len() + c.down.len());
        events.sum::<usize>() + publishing.sum::<usize>()
    }

    pub(super) fn feed(&mut self, with: &mut Context<'_>, input: Input) {
        if let Some(log) = with.log {
            log.push(format!("      -> {input:?}"));
        }
        let now = TICK * u32::try_from(with.now).expect("a short time");
        let may_prove = matches!(input, Input::Canary(_) | Input::Server { .. });
        self.rules.fed(with.now, &input);
        self.link.handle(now, input);
        let proven = self.link.proven().map(|proven| proven.canary);
        if may_prove && proven.is_none() {
            self.rules.unproven();
        }
        while let Some(output) = self.link.poll_output() {
            if let Some(log) = with.log {
                log.push(format!("      <- {output:?}"));
            }
            self.rules.output(with.bounds, with.now, &output, proven);
            self.act(with, &output);
        }
        self.rules.drained(with.bounds, with.now);
        self.take_all(with);
    }

    fn act(&mut self, with: &Context<'_>, output: &Output) {
        match *output {
            Output::Disconnect => self.drop_connections(with.bounds),
            Output::Subscribe(id) => self.send(Command::Subscribe(id.0)),
            Output::Unsubscribe(id) => self.send(Command::Unsubscribe(id.0)),
            Output::SendCanary(number) => {
                self.next = number + 1;
                self.send(Command::Ask(number));
                if let (None, Some(events)) = (&self.publishing, &self.events) {
                    self.publishing = Some(Publishing::new(0, events.host));
                    self.judge_who_hears(with.servers);
                }
                if let Some(publishing) = &mut self.publishing {
                    publishing.up.push_back(number);
                }
            }
            Output::Connect
            | Output::Lease { .. }
            | Output::Flush(..)
            | Output::ChannelHealth(..)
            | Output::LinkHealth(_) => {}
        }
    }

    fn send(&mut self, command: Command) {
        if let Some(events) = &mut self.events {
            events.up.push_back(command);
        }
    }

    fn drop_connections(&mut self, bounds: &Bounds) {
        self.events = None;
        self.former = None;
        if let Some(publishing) = self.publishing.take() {
            let last = publishing.up.back().filter(|_| bounds.has(Fault::Stray));
            self.stray = last.copied().or(self.stray);
        }
    }

    pub(super) fn connect(&mut self, with: &mut Context<'_>, host: Host) {
        self.events = Some(Events::new(host, with.bounds.channels));
        self.told(with, host, |answer| Input::Connected(answer.info()));
    }

    pub(super) fn disconnect(&mut self, with: &mut Context<'_>) {
        self.feed(with, Input::Disconnected(Cause::Disconnected));
    }

    /// The server takes the next command. With `refuses`, that is a subscription, and it is refused.
    pub(super) fn take_command(&mut self, servers: &Servers, refuses: bool) {
        let Some(events) = &mut self.events else {
            return;
        };
        let answer = match events.up.pop_front() {
            Some(Command::Subscribe(channel)) if refuses => Wire::Refused(channel),
            Some(Command::Subscribe(channel)) => {
                events.subscribed[channel as usize] = true;
                Wire::Confirmed(channel)
            }
            Some(Command::Unsubscribe(channel)) => {
                events.subscribed[channel as usize] = false;
                Wire::Unsubscribed(channel)
            }
            Some(Command::Ask(canary)) => Wire::Told(canary, servers.answer(events.host)),
            None => return,
        };
        events.down.push_back(answer);
    }

    /// The server takes at once what is on its way to it, unless something may happen before.
    fn take_all(&mut self, with: &mut Context<'_>) {
        let may = |faults: &[Fault]| faults.iter().any(|fault| with.bounds.has(*fault));
        let commands_wait = may(&[Fault::SlowUp, Fault::Refuse]);
        while !commands_wait && self.events.as_ref().is_some_and(|c| !c.up.is_empty()) {
            self.take_command(with.servers, false);
        }
        let canaries_wait = may(&[
            Fault::SlowUp,
            Fault::CanaryFails,
            Fault::Twice,
            Fault::Stray,
        ]);
        while !canaries_wait && self.publishing.as_ref().is_some_and(|c| !c.up.is_empty()) {
            self.take_canary(with.servers, false, false);
        }
        self.hear_all(with);
    }

    /// Answers on the connection for publishing arrive at once, unless something may happen before.
    pub(super) fn hear_all(&mut self, with: &mut Context<'_>) {
        if with.bounds.has(Fault::SlowAnswers) {
            return;
        }
        while self.publishing.as_ref().is_some_and(|c| !c.down.is_empty()) {
            self.hear(with, false);
        }
        while self.former.as_ref().is_some_and(|c| !c.down.is_empty()) {
            self.hear(with, true);
        }
    }

    /// A server publishes a canary of this instance.
    pub(super) fn publish_canary(&mut self, servers: &Servers, number: u64, host: Host) {
        if let Some(events) = &mut self.events
            && servers.hears(events.host, host)
        {
            events.push(0, Wire::Canary(number));
        }
    }

    /// The present connection for publishing, or the former one.
    fn publishing_on(&mut self, former: bool) -> Option<&mut Publishing> {
        if former {
            self.former.as_mut()
        } else {
            self.publishing.as_mut()
        }
    }

    /// The server takes the next canary from the present connection for publishing, or from the
    /// former one. With `again`, it takes it once more later.
    pub(super) fn take_canary(&mut self, servers: &Servers, former: bool, again: bool) {
        let Some(connection) = self.publishing_on(former) else {
            return;
        };
        let Some(number) = connection.up.front().copied() else {
            return;
        };
        let host = connection.host;
        if !again {
            connection.up.pop_front();
            let answer = servers.answer(host);
            connection.down.push_back((number, answer));
        }
        self.publish_canary(servers, number, host);
    }

    /// An answer arrives on a connection for publishing.
    pub(super) fn hear(&mut self, with: &mut Context<'_>, former: bool) {
        let Some(connection) = self.publishing_on(former) else {
            return;
        };
        let number = connection.number;
        if let Some((canary, answer)) = connection.down.pop_front() {
            self.answered(with, canary, Side::Commands, number, answer);
        }
    }

    fn answered(
        &mut self,
        with: &mut Context<'_>,
        canary: u64,
        side: Side,
        connection: u64,
        answer: Answer,
    ) {
        self.judge(with, answer, |answer| Input::Server {
            canary,
            side,
            connection,
            server: answer.info(),
        });
    }

    /// A further connection for commands has led to this server.
    pub(super) fn other_answers(&mut self, with: &mut Context<'_>, host: Host) {
        let canary = self.next.saturating_sub(1);
        self.answered(with, canary, Side::Other, 9, with.servers.answer(host));
    }

    fn told(&mut self, with: &mut Context<'_>, host: Host, input: impl Fn(Answer) -> Input) {
        self.judge(with, with.servers.answer(host), input);
    }

    /// An answer that shows a replica or another server has to end the connections.
    fn judge(&mut self, with: &mut Context<'_>, answer: Answer, input: impl Fn(Answer) -> Input) {
        let identity = u64::from(answer.identity);
        let known = *self.rules.identity.get_or_insert(identity);
        self.feed(with, input(answer));
        let usable = answer.primary && known == identity;
        let open = self.rules.connection == Connection::Open;
        self.rules.require(usable || !open, || {
            "the connections to a replica or to two servers are kept".to_owned()
        });
    }

    /// The next piece of the connection for events arrives. With `rejects`, it is a message that is
    /// rejected if it is accepted.
    pub(super) fn arrive(&mut self, with: &mut Context<'_>, rejects: bool) {
        let Some(wire) = self.events.as_mut().and_then(|c| c.down.pop_front()) else {
            return;
        };
        let input = match wire {
            Wire::Confirmed(channel) => Input::Confirmed {
                channel: ChannelId(channel),
                gapless: false,
            },
            Wire::Refused(channel) => {
                Input::Refused(ChannelId(channel), Cause::Refused("by its rules".into()))
            }
            Wire::Unsubscribed(channel) => Input::Unsubscribed(ChannelId(channel)),
            Wire::Canary(number) => Input::Canary(number),
            Wire::Told(canary, answer) => {
                return self.answered(with, canary, Side::Events, 0, answer);
            }
            Wire::Message(channel, event) => {
                let accepted = self.link.accepts(ChannelId(channel));
                if let Some(log) = with.log {
                    log.push(format!("      event {event}, accepted: {accepted}"));
                }
                if !accepted {
                    return;
                }
                if !rejects {
                    return self.rules.received(event);
                }
                self.rules.rejected(event, with.now + with.bounds.interval);
                Input::Rejected(ChannelId(channel))
            }
        };
        self.feed(with, input);
    }

    /// The messages that have arrived are discarded.
    pub(super) fn overflow(&mut self, with: &mut Context<'_>) {
        if let Some(events) = &mut self.events {
            let discarded = |wire: &Wire| matches!(wire, Wire::Message(..) | Wire::Canary(_));
            events.down.retain(|wire| !discarded(wire));
        }
        self.feed(with, Input::Overflow);
    }

    pub(super) fn reopen(&mut self, servers: &Servers, host: Host) {
        self.former = self.publishing.take();
        self.publishing = Some(Publishing::new(1, host));
        self.judge_who_hears(servers);
    }

    /// Takes note of whether other instances receive what this one publishes.
    pub(super) fn judge_who_hears(&mut self, servers: &Servers) {
        let heard = |c: &Publishing| c.host == servers.primary;
        if self.publishing.as_ref().is_none_or(heard) {
            self.rules.unheard = None;
        } else {
            self.rules.unheard.get_or_insert(self.next);
        }
    }

    /// Whether a message is on its way.
    pub(super) fn awaits(&self, event: usize) -> bool {
        let mut down = self.events.iter().flat_map(|c| &c.down);
        down.any(|wire| matches!(wire, Wire::Message(_, number) if *number == event))
    }

    pub(super) fn published(&mut self, now: u64, channel: Channel, event: usize) {
        if self.rules.channels[channel as usize].wanted {
            self.rules.missed[event] = Some(super::rules::Missed {
                channel,
                at: now,
                before: self.next,
                inline: true,
                handlers: true,
                due: None,
            });
        }
    }

    pub(super) fn digest(&self, bounds: &Bounds, now: u64, hasher: &mut impl Hasher) {
        let Self {
            link,
            rules,
            events,
            publishing,
            former,
            stray,
            next,
        } = self;
        let next = *next;
        let time = TICK * u32::try_from(now).expect("a short time");
        link.digest(time, TICK, hasher);
        rules.digest(bounds, now, next, hasher);
        events.is_some().hash(hasher);
        if let Some(Events {
            host,
            subscribed,
            up,
            down,
            loss,
        }) = events
        {
            (host, subscribed, loss, up.len(), down.len()).hash(hasher);
            for command in up {
                discriminant(command).hash(hasher);
                match command {
                    Command::Subscribe(channel) | Command::Unsubscribe(channel) => {
                        channel.hash(hasher);
                    }
                    Command::Ask(canary) => (next - canary).hash(hasher),
                }
            }
            for wire in down {
                discriminant(wire).hash(hasher);
                match wire {
                    Wire::Confirmed(channel)
                    | Wire::Refused(channel)
                    | Wire::Unsubscribed(channel) => channel.hash(hasher),
                    Wire::Message(channel, event) => (channel, event).hash(hasher),
                    // One of an earlier connection is the same as any other.
                    Wire::Canary(number) => (next - number).min(LONG_AGO).hash(hasher),
                    Wire::Told(canary, answer) => (next - canary, answer).hash(hasher),
                }
            }
        }
        for connection in [publishing, former] {
            connection.is_some().hash(hasher);
            if let Some(Publishing {
                number,
                host,
                up,
                down,
            }) = connection
            {
                (number, host, up.len(), down.len()).hash(hasher);
                for canary in up {
                    (next - canary).min(LONG_AGO).hash(hasher);
                }
                for (canary, answer) in down {
                    ((next - canary).min(LONG_AGO), answer).hash(hasher);
                }
            }
        }
        stray
            .map(|number| (next - number).min(LONG_AGO))
            .hash(hasher);
    }
}
