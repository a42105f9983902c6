//! The rules that must hold after every output of a link.
//!
//! They are those of `check.rs`, without sums over the whole run, so that states which come again
//! are the same for the rules, too.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::time::Duration;

use cache_runtime::__private::link::{Audience, ChannelId, FlushCause, Input, Output};
use cache_runtime::bus::{Cause, Health};

use super::bounds::{Bounds, TICK};
use super::server::{Channel, Event};

/// More canaries than are on their way at the same time.
pub(super) const LONG_AGO: u64 = 16;

/// Follows the inputs and outputs of a link. Times are in ticks.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) violation: Option<String>,
    pub(super) connection: Connection,
    pub(super) channels: Vec<Told>,
    /// By the number of the event: who has missed it.
    pub(super) missed: Vec<Option<Missed>>,
    /// Since when other instances do not receive what this one publishes: the number of the next
    /// canary at that time.
    pub(super) unheard: Option<u64>,
    /// The identity that was told first on this connection.
    pub(super) identity: Option<u64>,
    lease: u64,
    /// The latest canary, or the beginning of the connection.
    canary: u64,
    /// Whether something allows a canary before the next heartbeat.
    occasion: bool,
    everyone: Option<Channel>,
    rejected: Option<Channel>,
    next: Option<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Connection {
    None,
    Opening,
    Open,
}

/// What subscribers of a channel were told.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) wanted: bool,
    pub(super) health: Health,
    /// Whether the server has not answered a command.
    command: bool,
    /// The time by which handlers have to be flushed.
    due: Option<u64>,
    /// The latest flush of handlers because of a rejected message.
    flushed: Option<u64>,
}

impl Told {
    fn new() -> Self {
        Self {
            wanted: false,
            health: Health::Idle,
            command: false,
            due: None,
            flushed: None,
        }
    }
}

/// An event that subscribers have neither received nor been flushed for.
#[derive(Debug, Clone)]
pub(super) struct Missed {
    pub(super) channel: Channel,
    pub(super) at: u64,
    /// The number of the first canary that was sent after it.
    pub(super) before: u64,
    pub(super) inline: bool,
    pub(super) handlers: bool,
    /// If it was rejected, the time by which handlers have to be flushed.
    pub(super) due: Option<u64>,
}

fn ticks(at: Duration) -> u64 {
    at.as_secs()
}

impl Rules {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self {
            violation: None,
            connection: Connection::None,
            channels: vec![Told::new(); bounds.channels as usize + 1],
            missed: vec![None; bounds.events],
            unheard: None,
            identity: None,
            lease: 0,
            canary: 0,
            occasion: false,
            everyone: None,
            rejected: None,
            next: None,
        }
    }

    pub(super) fn require(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            self.violation = Some(rule());
        }
    }

    fn told(&mut self, channel: Channel) -> &mut Told {
        &mut self.channels[channel as usize]
    }

    /// Those that users can subscribe to.
    pub(super) fn users(&self) -> impl Iterator<Item = (Channel, &Told)> {
        (1..).zip(&self.channels[1..])
    }

    pub(super) fn is_live(&self) -> bool {
        self.users().any(|(_, told)| told.health.is_live())
    }

    /// All users are served, and nothing is owed to anybody.
    pub(super) fn is_settled(&self) -> bool {
        let served = |told: &Told| told.wanted == told.health.is_live();
        self.users().all(|(_, told)| served(told)) && self.missed.iter().all(Option::is_none)
    }

    pub(super) fn forget(&mut self, channel: Channel) {
        self.told(channel).due = None;
        self.settle(|missed| missed.channel == channel, Audience::Everyone);
    }

    /// Nobody misses these events any more.
    fn settle(&mut self, which: impl Fn(&Missed) -> bool, audience: Audience) {
        for slot in &mut self.missed {
            if let Some(missed) = slot.as_mut().filter(|missed| which(missed)) {
                missed.inline &= audience == Audience::Handlers;
                missed.handlers &= audience == Audience::Inline;
                if !missed.inline && !missed.handlers {
                    *slot = None;
                }
            }
        }
    }

    pub(super) fn received(&mut self, event: Event) {
        self.missed[event] = None;
    }

    pub(super) fn rejected(&mut self, event: Event, by: u64) {
        let live = |missed: &Missed| self.channels[missed.channel as usize].health.is_live();
        if let Some(missed) = &mut self.missed[event] {
            // Before the channel is live again, everyone is flushed.
            missed.due = live(missed).then_some(by);
        }
    }

    /// Called before an input reaches the link.
    pub(super) fn fed(&mut self, now: u64, input: &Input) {
        self.rejected = None;
        match input {
            Input::Rejected(id) => self.rejected = Some(id.0),
            Input::Subscribe(id) => {
                let told = self.told(id.0);
                told.wanted = true;
                told.flushed = None;
            }
            Input::Unsubscribe(id) => self.told(id.0).wanted = false,
            Input::Connected(_) => {
                self.connection = Connection::Open;
                self.canary = now;
            }
            Input::Disconnected(_) if self.connection == Connection::Opening => {
                self.connection = Connection::None;
            }
            Input::Overflow | Input::Unanswered => self.occasion = true,
            Input::Confirmed { channel: id, .. }
            | Input::Refused(id, _)
            | Input::Unsubscribed(id) => {
                self.occasion = true;
                self.told(id.0).command = false;
            }
            _ => {}
        }
    }

    /// The link has no proof any more, so it may have noticed a loss by itself.
    pub(super) fn unproven(&mut self) {
        self.occasion = true;
    }

    /// `proven` is the number of the latest complete canary.
    pub(super) fn output(&mut self, b: &Bounds, now: u64, output: &Output, proven: Option<u64>) {
        if let Some(expected) = self.next.take() {
            self.require(expected == *output, || {
                format!("expected {expected:?}, not {output:?}")
            });
        }
        let everyone = self.everyone.take();
        if let Some(channel) = everyone {
            let live = Output::ChannelHealth(ChannelId(channel), Health::Live);
            if *output != live {
                self.after_the_interval(b, now, channel);
            }
        }
        match output {
            Output::Connect => {
                self.require(self.connection == Connection::None, || {
                    "a second connection".to_owned()
                });
                self.connection = Connection::Opening;
            }
            Output::Disconnect => {
                self.connection = Connection::None;
                self.unheard = None;
                self.identity = None;
                for told in &mut self.channels {
                    told.command = false;
                }
            }
            Output::Subscribe(id) | Output::Unsubscribe(id) => {
                self.require(self.connection == Connection::Open, || {
                    format!("{output:?} without a connection")
                });
                let again = std::mem::replace(&mut self.told(id.0).command, true);
                self.require(!again, || format!("{output:?}: a second command"));
            }
            Output::SendCanary(_) => {
                let due = now >= self.canary + b.heartbeat;
                let occasion = std::mem::take(&mut self.occasion);
                self.require(self.connection == Connection::Open, || {
                    "a canary without a connection".to_owned()
                });
                self.require(due || occasion, || "a canary too early".to_owned());
                self.canary = now;
            }
            Output::Lease { until } => self.lease(now, ticks(*until), proven),
            Output::Flush(id, audience, _) => self.flush(b, now, id.0, *audience),
            Output::ChannelHealth(id, health) => {
                self.channel_health(b, now, id.0, health, everyone == Some(id.0));
            }
            Output::LinkHealth(health) => {
                let serves = |(_, told): (_, &Told)| !told.wanted || told.health.is_live();
                let all = self.users().all(serves);
                self.require(!health.is_live() || all, || {
                    "the link is live, but a channel is not".to_owned()
                });
            }
        }
    }

    /// The link has no more outputs for now.
    pub(super) fn drained(&mut self, b: &Bounds, now: u64) {
        if let Some(channel) = self.everyone.take() {
            self.after_the_interval(b, now, channel);
        }
        if let Some(expected) = self.next.take() {
            self.require(false, || format!("expected {expected:?}, and nothing came"));
        }
        let unused = self.users().all(|(_, told)| !told.wanted);
        self.require(!unused || self.connection == Connection::None, || {
            "a connection without subscribers".to_owned()
        });
        if let Some(channel) = self.rejected.take() {
            let missed = |m: &Missed| m.channel == channel && m.inline && m.due.is_some();
            let any = self.missed.iter().flatten().any(missed);
            self.require(!any, || "inline subscribers keep a rejected event".into());
        }
    }

    fn lease(&mut self, now: u64, until: u64, proven: Option<u64>) {
        let before = self.lease;
        self.require(until >= before, || "a lease that gets shorter".to_owned());
        self.require(until > now, || "a lease that is over already".to_owned());
        self.lease = until;
        let Some(canary) = proven else {
            return;
        };
        let unheard = self.unheard.is_some_and(|since| canary >= since);
        self.require(!unheard, || {
            format!("live by canary {canary}, which others could not hear")
        });
        let live = |channel| self.channels[channel as usize].health.is_live();
        let mut missed = self.missed.iter().flatten();
        let missed = missed.any(|m| {
            live(m.channel) && m.before <= canary && (m.inline || m.handlers && m.due.is_none())
        });
        self.require(!missed, || {
            format!("a lease by canary {canary}, and an event before it was missed")
        });
    }

    fn flush(&mut self, b: &Bounds, now: u64, channel: Channel, audience: Audience) {
        self.settle(|missed| missed.channel == channel, audience);
        let rejected = self.rejected == Some(channel);
        let told = self.told(channel);
        let live = told.health.is_live();
        if audience != Audience::Inline {
            told.due = None;
        }
        match audience {
            Audience::Everyone => self.everyone = Some(channel),
            Audience::Handlers if live => self.after_the_interval(b, now, channel),
            Audience::Handlers => {}
            Audience::Inline => self.require(!live || rejected, || {
                "inline subscribers flushed while the channel is live".to_owned()
            }),
        }
    }

    fn after_the_interval(&mut self, b: &Bounds, now: u64, channel: Channel) {
        let before = self.told(channel).flushed.replace(now);
        self.require(
            before.is_none_or(|before| now >= before + b.interval),
            || "handlers flushed twice within the interval".to_owned(),
        );
    }

    fn channel_health(
        &mut self,
        b: &Bounds,
        now: u64,
        channel: Channel,
        health: &Health,
        flushed: bool,
    ) {
        let lease = self.lease;
        let told = self.told(channel);
        let before = std::mem::replace(&mut told.health, health.clone());
        let news = before != *health || matches!(health, Health::Down(_));
        self.require(news, || format!("{health:?} twice"));
        match health {
            Health::Live => {
                self.told(channel).due = None;
                self.require(flushed, || {
                    "live without a flush of everyone just before".to_owned()
                });
                self.require(now < lease, || "live without a lease".to_owned());
            }
            Health::Down(cause) if before.is_live() => {
                if matches!(cause, Cause::MissingCanary | Cause::LeaseExpired) {
                    self.occasion = true;
                }
                let told = self.told(channel);
                told.due = told.wanted.then_some(now + b.lease);
                // The flush after the loss is for rejected events, too.
                for missed in self.missed.iter_mut().flatten() {
                    if missed.channel == channel {
                        missed.due = None;
                    }
                }
                self.next = Some(Output::Flush(
                    ChannelId(channel),
                    Audience::Inline,
                    FlushCause::Down,
                ));
            }
            Health::Idle => *self.told(channel) = Told::new(),
            _ => {}
        }
    }

    /// Called after a tick, when nothing is left to do.
    pub(super) fn ticked(&mut self, now: u64, timeout: Option<Duration>) {
        let busy = timeout.is_some_and(|at| at <= TICK * u32::try_from(now).unwrap_or(u32::MAX));
        self.require(!busy, || "a busy loop".to_owned());
        let lease = self.lease;
        let late = self.users().find_map(|(_, told)| {
            if told.due.is_some_and(|due| due <= now) {
                Some("handlers were not flushed within a lease")
            } else if told.health.is_live() && now >= lease {
                Some("live after the end of the lease")
            } else {
                None
            }
        });
        self.require(late.is_none(), || late.unwrap_or_default().to_owned());
        let mut missed = self.missed.iter().flatten();
        let late = missed.any(|m| m.handlers && m.due.is_some_and(|due| due <= now));
        self.require(!late, || {
            "handlers were not flushed for a rejected event within the interval".to_owned()
        });
    }

    /// Called at any time: what caches serve is never older than a lease.
    pub(super) fn looked_at(&mut self, b: &Bounds, now: u64) {
        let serves =
            |channel: Channel| now < self.lease && self.channels[channel as usize].health.is_live();
        let mut missed = self.missed.iter().flatten();
        let stale = missed.any(|m| m.inline && serves(m.channel) && m.at + b.lease <= now);
        self.require(!stale, || {
            "a cache serves what is older than a lease".to_owned()
        });
    }

    /// Hashes the rules, with times from now on and canaries from the next one.
    pub(super) fn digest(&self, b: &Bounds, now: u64, next: u64, hasher: &mut impl Hasher) {
        (self.connection, self.occasion, self.identity).hash(hasher);
        self.unheard
            .map(|canary| (next - canary).min(LONG_AGO))
            .hash(hasher);
        self.lease.saturating_sub(now).hash(hasher);
        (self.canary + b.heartbeat).saturating_sub(now).hash(hasher);
        for told in &self.channels {
            (told.wanted, discriminant(&told.health), told.command).hash(hasher);
            if let Health::Down(cause) = &told.health {
                discriminant(cause).hash(hasher);
            }
            told.due.map(|due| due.saturating_sub(now)).hash(hasher);
            let flushed = told.flushed.map(|at| (at + b.interval).saturating_sub(now));
            flushed.filter(|left| *left > 0).hash(hasher);
        }
        for missed in &self.missed {
            missed.is_some().hash(hasher);
            if let Some(m) = missed {
                let before = (next - m.before).min(LONG_AGO);
                (m.channel, before, m.inline, m.handlers).hash(hasher);
                (m.at + b.lease).saturating_sub(now).hash(hasher);
                m.due.map(|due| due.saturating_sub(now)).hash(hasher);
            }
        }
    }
}
