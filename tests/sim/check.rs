//! The rules that must hold after every output of the link, and at the end of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cache_runtime::__private::link::{Audience, ChannelId, FlushCause, Input, Output, Timings};
use cache_runtime::bus::{Cause, Health};

use crate::ledger::{Event, Ledger};

/// Follows the inputs and outputs of the link.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) ledger: Ledger,
    pub(crate) violation: Option<String>,
    timings: Timings,
    /// Whether subscriptions are gapless. If not, each may miss events published before it.
    gapless: bool,
    connection: Connection,
    commands: BTreeSet<ChannelId>,
    lease: Duration,
    channels: BTreeMap<ChannelId, Told>,
    canaries: u32,
    /// The number of inputs that allow a canary in addition to the heartbeats.
    occasions: u32,
    /// The channel of a flush of everyone, until the next output shows its reason.
    everyone: Option<ChannelId>,
    /// The channel of the message that was just rejected.
    rejected: Option<ChannelId>,
    /// The only output that is allowed next.
    next: Option<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    None,
    Opening,
    Open,
}

/// What subscribers of a channel were told.
#[derive(Debug)]
struct Told {
    /// Whether the link assumes that the channel has subscribers.
    wanted: bool,
    health: Health,
    /// Something may have been lost since the channel was last live.
    lost: bool,
    /// The time by which handlers have to be flushed.
    due: Option<Duration>,
    /// The latest flush because of a rejected message.
    flushed: Option<Duration>,
}

impl Check {
    pub(crate) fn new(timings: Timings, gapless: bool) -> Self {
        Self {
            ledger: Ledger::default(),
            violation: None,
            timings,
            gapless,
            connection: Connection::None,
            commands: BTreeSet::new(),
            lease: Duration::ZERO,
            channels: BTreeMap::new(),
            canaries: 0,
            occasions: 0,
            everyone: None,
            rejected: None,
            next: None,
        }
    }

    pub(crate) fn require(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            self.violation = Some(rule());
        }
    }

    fn told(&mut self, id: ChannelId) -> &mut Told {
        self.channels.entry(id).or_insert(Told {
            wanted: false,
            health: Health::Idle,
            lost: false,
            due: None,
            flushed: None,
        })
    }

    pub(crate) fn want(&mut self, id: ChannelId) {
        self.ledger.want(id);
    }

    pub(crate) fn forget(&mut self, id: ChannelId) {
        self.ledger.forget(id);
        self.told(id).due = None;
    }

    pub(crate) fn all_live(&self) -> bool {
        let live = |id| self.channels.get(&id).is_some_and(|t| t.health.is_live());
        self.ledger.wanted().all(live)
    }

    /// Called before an input reaches the link.
    pub(crate) fn fed(&mut self, input: &Input) {
        self.rejected = None;
        match input {
            Input::Rejected(id) => self.rejected = Some(*id),
            Input::Subscribe(id) => {
                let told = self.told(*id);
                told.wanted = true;
                // New subscribers may be flushed at once, within the interval too.
                told.flushed = None;
            }
            Input::Unsubscribe(id) => {
                let told = self.told(*id);
                told.wanted = false;
                told.lost = true;
            }
            Input::Connected(_) => self.connection = Connection::Open,
            Input::Disconnected(_) => {
                if self.connection == Connection::Opening {
                    self.connection = Connection::None;
                }
                self.lose();
            }
            Input::Overflow => {
                self.occasions += 1;
                self.lose();
            }
            Input::Confirmed { channel: id, .. } => {
                self.occasions += 1;
                self.commands.remove(id);
            }
            Input::Refused(id, _) | Input::Unsubscribed(id) => {
                // A canary may have waited for this answer.
                self.occasions += 1;
                self.commands.remove(id);
            }
            _ => {}
        }
    }

    fn lose(&mut self) {
        for told in self.channels.values_mut() {
            told.lost = true;
        }
    }

    pub(crate) fn output(&mut self, now: Duration, output: &Output) {
        if let Some(expected) = self.next.take() {
            self.require(expected == *output, || {
                format!("expected {expected:?}, not {output:?}")
            });
        }
        let everyone = self.everyone.take();
        if let Some(id) = everyone {
            self.everyone(now, id, Some(output));
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
                self.commands.clear();
                self.lose();
            }
            Output::Subscribe(id) | Output::Unsubscribe(id) => {
                self.require(self.connection == Connection::Open, || {
                    format!("{output:?} without a connection")
                });
                let alone = self.commands.insert(*id);
                self.require(alone, || format!("{output:?}: a second command"));
            }
            Output::SendCanary(_) => self.canary(now),
            Output::Lease { until } => self.lease(now, *until),
            Output::Flush(id, audience, _) => self.flush(now, *id, *audience),
            Output::ChannelHealth(id, health) => {
                self.channel_health(now, *id, health, everyone == Some(*id));
            }
            Output::LinkHealth(health) => {
                let mut wanted = self.channels.values().filter(|told| told.wanted);
                let all = wanted.all(|told| told.health.is_live());
                self.require(!health.is_live() || all, || {
                    "the link is live, but a channel is not".to_owned()
                });
            }
        }
    }

    /// A message of this channel is going to be delivered.
    pub(crate) fn accepted(&mut self, id: ChannelId) {
        self.require(self.connection == Connection::Open, || {
            format!("a message of {id:?} accepted without a connection")
        });
        self.require(id != ChannelId::CANARY, || "a canary delivered".into());
    }

    /// The link has no more outputs for now.
    pub(crate) fn drained(&mut self, now: Duration) {
        if let Some(id) = self.everyone.take() {
            self.everyone(now, id, None);
        }
        if let Some(expected) = self.next.take() {
            self.require(false, || format!("expected {expected:?}, and nothing came"));
        }
    }

    fn canary(&mut self, now: Duration) {
        self.canaries += 1;
        let heartbeats = now.as_nanos() / self.timings.heartbeat.as_nanos();
        let most = 1 + u128::from(self.occasions) + heartbeats;
        let (connection, canaries) = (self.connection, self.canaries);
        self.require(connection == Connection::Open, || {
            "a canary without a connection".to_owned()
        });
        self.require(u128::from(canaries) <= most, || {
            format!("{canaries} canaries, of {most} at most")
        });
    }

    fn lease(&mut self, now: Duration, until: Duration) {
        let before = self.lease;
        self.require(until >= before, || "a lease that gets shorter".to_owned());
        self.require(until > now, || "a lease that is over already".to_owned());
        self.lease = until;
        let live = self.channels.iter().filter(|(_, t)| t.health.is_live());
        let live: Vec<_> = live.map(|(id, _)| *id).collect();
        for id in live {
            self.nothing_missed(id);
        }
    }

    /// Every event up to a lease ago has reached a live channel, or was flushed.
    fn nothing_missed(&mut self, id: ChannelId) {
        let by = self.lease.saturating_sub(self.timings.lease);
        if let Some(event) = self.ledger.missed_by_inline(id, by) {
            self.require(false, || {
                format!("{id:?} is live without event {event}, published by {by:?}")
            });
        }
    }

    fn flush(&mut self, now: Duration, id: ChannelId, audience: Audience) {
        self.ledger.flush(id, audience);
        let told = self.told(id);
        let live = told.health.is_live();
        if audience != Audience::Inline {
            told.due = None;
        }
        let rejected = self.rejected == Some(id);
        match audience {
            Audience::Everyone => self.everyone = Some(id),
            Audience::Handlers if live => self.after_the_interval(now, id),
            Audience::Handlers => {}
            Audience::Inline => self.require(!live || rejected, || {
                format!("{id:?}: inline subscribers flushed while it is live")
            }),
        }
    }

    /// Handlers may be flushed because of rejected messages.
    fn after_the_interval(&mut self, now: Duration, id: ChannelId) {
        let interval = self.timings.rejection_interval;
        let before = self.told(id).flushed.replace(now);
        self.require(before.is_none_or(|before| now >= before + interval), || {
            format!("{id:?}: flushed at {before:?} and again at {now:?}")
        });
    }

    /// A flush of everyone is for a recovery, and the channel is live at once, or for rejected
    /// messages, and then the next one has to wait for the interval.
    fn everyone(&mut self, now: Duration, id: ChannelId, next: Option<&Output>) {
        if next != Some(&Output::ChannelHealth(id, Health::Live)) {
            self.after_the_interval(now, id);
        }
    }

    fn channel_health(&mut self, now: Duration, id: ChannelId, health: &Health, flushed: bool) {
        let lease = self.timings.lease;
        let (lease_until, gapless) = (self.lease, self.gapless);
        let told = self.told(id);
        let before = std::mem::replace(&mut told.health, health.clone());
        let news = before != *health || matches!(health, Health::Down(_));
        self.require(news, || format!("{id:?}: {health:?} twice"));
        match health {
            Health::Live => {
                let told = self.told(id);
                told.due = None;
                let lost = std::mem::take(&mut told.lost);
                self.require(flushed || gapless && !lost, || {
                    format!("{id:?} is live without a flush of everyone just before")
                });
                self.require(now < lease_until, || {
                    format!("{id:?} is live without a lease")
                });
                self.nothing_missed(id);
            }
            Health::Down(cause) if before.is_live() => {
                if matches!(cause, Cause::MissingCanary | Cause::LeaseExpired) {
                    // The link noticed a loss by itself, and may keep the connection.
                    self.occasions += 1;
                    self.lose();
                }
                let wanted = self.ledger.is_wanted(id);
                let told = self.told(id);
                told.due = wanted.then_some(now + lease);
                self.next = Some(Output::Flush(id, Audience::Inline, FlushCause::Down));
            }
            // The next subscriber counts as the first one.
            Health::Idle => {
                self.channels.remove(&id);
            }
            _ => {}
        }
    }

    /// Called after a tick, when nothing is left to do.
    pub(crate) fn ticked(&mut self, now: Duration, timeout: Option<Duration>) {
        self.require(timeout.is_none_or(|at| at > now), || {
            format!("a busy loop: at {now:?}, the next tick is to be at {timeout:?}")
        });
        self.on_time(now);
    }

    /// Checks the deadlines; called at any time while the process runs.
    pub(crate) fn on_time(&mut self, now: Duration) {
        for (id, told) in &self.channels {
            let rule = if told.due.is_some_and(|due| due <= now) {
                "handlers were not flushed within a lease"
            } else if told.health.is_live() && now >= self.lease {
                "live after the end of the lease"
            } else {
                continue;
            };
            self.violation
                .get_or_insert_with(|| format!("{id:?}: {rule}"));
        }
    }

    /// Called at the end, when no event is published any more.
    pub(crate) fn finish(&mut self) {
        let (live, missed): (bool, Option<Event>) = (self.all_live(), self.ledger.missed());
        self.require(live, || "not live in the end".to_owned());
        if let Some(event) = missed {
            self.require(false, || format!("event {event} was lost without a flush"));
        }
        let idle = self.ledger.wanted().next().is_none();
        let none = self.connection == Connection::None;
        self.require(idle == none, || {
            "a connection without subscribers, or subscribers without a connection".to_owned()
        });
    }
}
