//! The protocol core: when events may have been lost, who is told, and when a channel is live.
//!
//! A state machine without sockets, tasks or a clock. The supervisor feeds it with [`Input`]s and
//! the time since some fixed moment, and carries out the [`Output`]s in their order. Tests and the
//! simulator drive the same code.
//!
//! A channel is *live* while all of this holds:
//! - its subscription is confirmed on the present connection;
//! - a canary that was sent after that has come back, and less than a lease has passed since the
//!   latest such canary was sent;
//! - no unreadable message waits for the `All` that covers it.
//!
//! Whatever ends this is a loss. A loss is told to inline subscribers at once, and to everybody
//! just before the channel is live again, when the subscription is known to have no gap. Handlers
//! are told early as well where that takes longer than the lease.

mod backoff;
mod channel;
mod io;
mod rejections;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use crate::health::{Cause, Health};
use backoff::Backoff;
use channel::{Channel, Subscription};
pub use io::{Audience, ChannelId, Input, Output, Timings};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    /// Not wanted.
    None,
    /// To be opened at the time given.
    Waiting(Duration),
    Opening,
    Open,
}

/// The state machine. See the module.
#[derive(Debug)]
pub struct Link {
    settings: Timings,
    connection: Connection,
    /// Why there is no connection, or why it proves nothing.
    cause: Option<Cause>,
    backoff: Backoff,
    channels: Vec<Option<Channel>>,
    canaries: Canaries,
    health: Health,
    outputs: VecDeque<Output>,
}

/// Canaries on their way, and what those that came back prove.
#[derive(Debug, Default)]
struct Canaries {
    next: u64,
    /// When the latest was sent, or when the connection was opened if none was.
    last: Duration,
    in_flight: VecDeque<(u64, Duration)>,
    /// When the connection's first was sent: from then on it has to prove itself.
    first: Option<Duration>,
    /// When the latest canary that came back had been sent.
    proof: Option<Duration>,
}

impl Canaries {
    /// Nothing of a connection that has ended proves anything.
    fn end(&mut self) {
        self.in_flight.clear();
        self.proof = None;
    }
}

/// More canaries than this are never in flight: later ones prove all that earlier ones do.
const MAX_CANARIES: usize = 16;

impl Link {
    /// A link with nothing subscribed.
    #[must_use]
    pub fn new(settings: Timings) -> Self {
        let backoff = Backoff::new(settings.seed);
        let mut canary = Channel::new(Duration::ZERO);
        // For as long as there is a connection.
        canary.wanted = true;
        Self {
            settings,
            connection: Connection::None,
            cause: None,
            backoff,
            channels: vec![Some(canary)],
            canaries: Canaries::default(),
            health: Health::Idle,
            outputs: VecDeque::new(),
        }
    }

    /// Takes an input. `now` must not go back.
    pub fn handle(&mut self, now: Duration, input: Input) {
        match input {
            Input::Message(id) => {
                // Nearly every input is a message: nothing else can change with it.
                match self.channel_mut(id) {
                    Some(channel) if channel.is_subscribed() => {
                        self.outputs.push_back(Output::Deliver(id));
                    }
                    Some(channel) => channel.missed(),
                    None => {}
                }
                return;
            }
            Input::Subscribe(id) => self.subscribe(now, id),
            Input::Unsubscribe(id) => self.unsubscribe(id),
            Input::Connected => self.connected(now),
            Input::Disconnected(cause) => self.disconnected(now, cause),
            Input::Confirmed { channel, gapless } => self.confirmed(channel, gapless),
            Input::Refused(id, cause) => self.refused(now, id, cause),
            Input::Unsubscribed(id) => self.unsubscribed(now, id),
            Input::Rejected(id) => self.rejected(now, id),
            Input::Canary(id) => self.canary(now, id),
            Input::CanaryFailed(cause) => self.cause = Some(cause),
            Input::Overflow => self.lose(now, &Cause::Overflow, Subscription::unproven),
            Input::Tick => {}
        }
        self.advance(now);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to feed in [`Input::Tick`] if nothing else happens before.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        let connection = match self.connection {
            Connection::Waiting(at) => Some(at),
            Connection::Open => [self.heartbeat_due(), self.lease_end()]
                .into_iter()
                .flatten()
                .min(),
            Connection::None | Connection::Opening => None,
        };
        let open = self.connection == Connection::Open;
        let channels = self
            .channels
            .iter()
            .flatten()
            .filter_map(|channel| channel.timeout(self.settings.lease, open))
            .min();
        connection.into_iter().chain(channels).min()
    }

    /// The health of the whole link: live where every channel is.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    fn channel_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        self.channels.get_mut(id.slot())?.as_mut()
    }

    /// The users' channels, without the link's own.
    fn users(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        (0..)
            .map(ChannelId)
            .zip(&self.channels)
            .skip(1)
            .filter_map(|(id, channel)| Some((id, channel.as_ref()?)))
    }

    fn subscribe(&mut self, now: Duration, id: ChannelId) {
        if self.channels.len() <= id.slot() {
            self.channels.resize_with(id.slot() + 1, || None);
        }
        let channel = self.channels[id.slot()].get_or_insert_with(|| Channel::new(now));
        if !channel.wanted {
            let news = channel.health != Health::Connecting;
            channel.want(now);
            if news {
                self.outputs
                    .push_back(Output::ChannelHealth(id, Health::Connecting));
            }
        }
        if self.connection == Connection::None {
            self.backoff.reset();
            self.open();
        }
    }

    fn unsubscribe(&mut self, id: ChannelId) {
        if let Some(channel) = self.channel_mut(id) {
            channel.wanted = false;
        }
    }

    fn open(&mut self) {
        self.connection = Connection::Opening;
        self.outputs.push_back(Output::Connect);
    }

    fn connected(&mut self, now: Duration) {
        if self.connection == Connection::Opening {
            self.connection = Connection::Open;
            // It was the last connection's.
            self.cause = None;
            self.canaries = Canaries {
                next: self.canaries.next,
                last: now,
                ..Canaries::default()
            };
        }
    }

    fn disconnected(&mut self, now: Duration, cause: Cause) {
        if self.connection == Connection::Open {
            self.outputs.push_back(Output::Disconnect);
        }
        self.lose(now, &cause, |_, _| Subscription::None);
        self.cause = Some(cause);
        self.canaries.end();
        if matches!(self.connection, Connection::Open | Connection::Opening) {
            let Timings {
                backoff_min,
                backoff_max,
                ..
            } = self.settings;
            let wait = self.backoff.next(backoff_min, backoff_max);
            self.connection = Connection::Waiting(now + wait);
        }
    }

    fn confirmed(&mut self, id: ChannelId, gapless: bool) {
        let next_canary = self.canaries.next;
        // Nobody is told of what is lost in the link's own channel: it stays as it is at first.
        let gapless = gapless && id != ChannelId::CANARY;
        if let Some(channel) = self.channel_mut(id) {
            channel.confirmed(next_canary, gapless);
        }
    }

    fn refused(&mut self, now: Duration, id: ChannelId, cause: Cause) {
        let retry = now + self.settings.backoff_max;
        if let Some(channel) = self.channel_mut(id) {
            channel.refused(cause, retry);
        }
    }

    fn unsubscribed(&mut self, now: Duration, id: ChannelId) {
        let Some(channel) = self.channel_mut(id) else {
            return;
        };
        if channel.subscription == Subscription::Ending {
            channel.subscription = Subscription::None;
        } else if self.connection == Connection::Open {
            // The replies of this connection can no longer be told apart, so it has to go.
            self.disconnected(now, Cause::Unsubscribed);
        }
    }

    fn rejected(&mut self, now: Duration, id: ChannelId) {
        let interval = self.settings.rejection_interval;
        if let Some(channel) = self.channel_mut(id)
            && channel.rejections.record(now, interval)
        {
            self.outputs
                .push_back(Output::Stale(id, Audience::Everyone));
        }
    }

    fn canary(&mut self, now: Duration, id: u64) {
        let Some(index) = self
            .canaries
            .in_flight
            .iter()
            .position(|&(sent, _)| sent == id)
        else {
            return;
        };
        let (_, sent_at) = self.canaries.in_flight[index];
        self.canaries.in_flight.drain(..=index);
        if now >= sent_at + self.settings.lease {
            return;
        }
        self.canaries.proof = Some(sent_at);
        self.backoff.reset();
        self.cause = None;
        self.outputs.push_back(Output::Lease {
            until: sent_at + self.settings.lease,
        });
        for channel in self.channels.iter_mut().flatten() {
            channel.proven(id);
        }
    }

    /// Every channel loses what it had; `left` is what remains of a subscription.
    fn lose(&mut self, now: Duration, cause: &Cause, left: fn(Subscription, u64) -> Subscription) {
        let next_canary = self.canaries.next;
        for (slot, channel) in (0..).zip(&mut self.channels) {
            let Some(channel) = channel else { continue };
            channel.subscription = left(channel.subscription, next_canary);
            if channel.lost(now) {
                // Not live first, stale second: nobody may serve in between.
                channel.health = Health::Down(cause.clone());
                let id = ChannelId(slot);
                if id != ChannelId::CANARY {
                    self.outputs
                        .push_back(Output::ChannelHealth(id, channel.health.clone()));
                    self.outputs.push_back(Output::Stale(id, Audience::Inline));
                }
            }
        }
    }

    /// Does what has become due or possible.
    fn advance(&mut self, now: Duration) {
        self.close_if_unwanted();
        match self.connection {
            Connection::Waiting(at) if now >= at => self.open(),
            Connection::Open if self.lease_end().is_some_and(|end| now >= end) => {
                let cause = self.cause.take().unwrap_or(Cause::LeaseExpired);
                self.disconnected(now, cause);
            }
            Connection::Open => {
                self.send_subscriptions(now);
                self.send_canary(now);
            }
            Connection::None | Connection::Opening | Connection::Waiting(_) => {}
        }
        self.forget_unwanted();
        self.settle_channels(now);
        self.settle_health();
    }

    fn close_if_unwanted(&mut self) {
        if self.users().any(|(_, channel)| channel.wanted) || self.connection == Connection::None {
            return;
        }
        self.outputs.push_back(Output::Disconnect);
        self.connection = Connection::None;
        self.cause = None;
        self.canaries.end();
        for channel in self.channels.iter_mut().flatten() {
            channel.subscription = Subscription::None;
        }
    }

    fn send_subscriptions(&mut self, now: Duration) {
        for (slot, channel) in (0..).zip(&mut self.channels) {
            let Some(channel) = channel else { continue };
            let id = ChannelId(slot);
            let wanted = channel.wanted;
            match channel.subscription {
                Subscription::None if wanted => {
                    channel.subscription = Subscription::Sent { retry: false };
                }
                Subscription::Refused { retry_at } if wanted && now >= retry_at => {
                    channel.subscription = Subscription::Sent { retry: true };
                }
                Subscription::Confirmed { .. } if !wanted => {
                    channel.subscription = Subscription::Ending;
                    self.outputs.push_back(Output::Unsubscribe(id));
                    continue;
                }
                Subscription::Refused { .. } if !wanted => {
                    channel.subscription = Subscription::None;
                    continue;
                }
                _ => continue,
            }
            self.outputs.push_back(Output::Subscribe(id));
        }
    }

    /// The canary that proves new subscriptions waits for all of them, so that channels get live
    /// together; one that was refused before does not hold up the others. A heartbeat waits for
    /// none: it proves what was confirmed before it.
    fn send_canary(&mut self, now: Duration) {
        let next = self.canaries.next;
        let mut all = self.channels.iter().flatten();
        let pending = all.any(|c| c.subscription == Subscription::Sent { retry: false });
        let mut all = self.channels.iter().flatten();
        let unproven = !pending && self.listens() && all.any(|channel| channel.needs_canary(next));
        if unproven || self.heartbeat_due().is_some_and(|due| now >= due) {
            let id = self.canaries.next;
            self.canaries.next += 1;
            self.canaries.last = now;
            self.canaries.first.get_or_insert(now);
            if self.canaries.in_flight.len() == MAX_CANARIES {
                self.canaries.in_flight.pop_front();
            }
            self.canaries.in_flight.push_back((id, now));
            self.outputs.push_back(Output::SendCanary(id));
        }
    }

    /// Whether canaries would be heard.
    fn listens(&self) -> bool {
        self.channels[ChannelId::CANARY.slot()]
            .as_ref()
            .is_some_and(Channel::is_subscribed)
    }

    fn forget_unwanted(&mut self) {
        for (slot, channel) in (0..).zip(&mut self.channels).skip(1) {
            let unused = |c: &Channel| !c.wanted && c.subscription == Subscription::None;
            if channel.as_ref().is_some_and(unused) {
                *channel = None;
                self.outputs
                    .push_back(Output::ChannelHealth(ChannelId(slot), Health::Idle));
            }
        }
    }

    /// Brings every channel's state up to date: pays what is owed, and tells of changes.
    fn settle_channels(&mut self, now: Duration) {
        let open = self.connection == Connection::Open;
        let (canary, users) = self.channels.split_at_mut(1);
        // Without canaries nothing gets live, so their refusal is everybody's.
        let refused = canary[0].as_ref().and_then(|c| c.refusal.as_ref());
        for (slot, channel) in (1..).zip(users) {
            let Some(channel) = channel else { continue };
            let id = ChannelId(slot);
            if channel.told_early(now, self.settings.lease) {
                self.outputs
                    .push_back(Output::Stale(id, Audience::Handlers));
            }
            let unreadable = channel
                .rejections
                .expire(now, self.settings.rejection_interval);
            let connection_cause = if open { refused } else { self.cause.as_ref() };
            let health = channel.current_health(connection_cause);
            let changed = health != channel.health;
            // Stale first, live second. Once is enough for everything that is owed.
            let recovered = changed && health.is_live() && channel.pay();
            if unreadable || recovered {
                self.outputs
                    .push_back(Output::Stale(id, Audience::Everyone));
            }
            if changed {
                channel.health = health;
                self.outputs
                    .push_back(Output::ChannelHealth(id, channel.health.clone()));
            }
        }
    }

    fn settle_health(&mut self) {
        let mut health = if self.connection == Connection::None {
            Health::Idle
        } else {
            Health::Live
        };
        let wanted = self.users().filter(|(_, c)| c.wanted).map(|(_, c)| c);
        for channel in wanted {
            match (&health, &channel.health) {
                (_, Health::Live) | (Health::Down(_), _) => {}
                (_, other) => health = other.clone(),
            }
        }
        if health != self.health {
            self.health = health;
            self.outputs
                .push_back(Output::LinkHealth(self.health.clone()));
        }
    }

    fn heartbeat_due(&self) -> Option<Duration> {
        self.listens()
            .then(|| self.canaries.last + self.settings.heartbeat)
    }

    /// When the present connection has to have proven itself; not at all without canaries.
    fn lease_end(&self) -> Option<Duration> {
        let since = self.canaries.proof.or(self.canaries.first)?;
        Some(since + self.settings.lease)
    }
}
