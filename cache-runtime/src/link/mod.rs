//! The protocol core: when events may have been lost, which flushes follow, and when a channel is
//! live.
//!
//! The link is a state machine without sockets, tasks or a clock. The supervisor feeds it
//! [`Input`]s, each with the time since a fixed moment, and carries out the [`Output`]s in order.
//! Tests and the simulator drive the same code.
//!
//! A channel is *live* while all of this holds:
//! - its subscription is confirmed on the present connection;
//! - a canary that was sent after that has come back, and less than a lease has passed since the
//!   latest such canary was sent;
//! - no rejected message waits for its flush.
//!
//! When the connection ends, the lease ends or messages are discarded, events may have been lost.
//! Such a loss flushes inline subscribers at once, and all subscribers just before the channel is
//! live again. If that takes longer than the lease, handlers are flushed after the lease as well. A
//! new subscription flushes all subscribers before the channel is live, unless it is known to have
//! no gap.

mod canaries;
mod channel;
mod io;
mod rejections;
#[cfg(test)]
mod tests;
mod timings;

use std::collections::VecDeque;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::health::{Cause, Health};
use canaries::Canaries;
use channel::{ChannelState, SubscriptionState};
pub use io::{Audience, ChannelId, Input, Output};
pub use timings::Timings;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    /// No channel has subscribers.
    None,
    /// The next attempt to connect is due at this time.
    Waiting(Duration),
    /// An attempt to connect is in progress.
    Opening,
    Open,
}

/// The state machine of the protocol.
///
/// See the module.
#[derive(Debug)]
pub struct Link {
    timings: Timings,
    connection: Connection,
    /// Why there is no connection, or why no canary could be sent over it.
    cause: Option<Cause>,
    backoff: Backoff,
    /// By id. The first is the canary channel.
    channels: Vec<Option<ChannelState>>,
    canaries: Canaries,
    health: Health,
    outputs: VecDeque<Output>,
}

impl Link {
    /// A link with nothing subscribed.
    #[must_use]
    pub fn new(timings: Timings) -> Self {
        let backoff = Backoff::new(timings.backoff_min, timings.backoff_max, timings.seed);
        let mut canary = ChannelState::new(Duration::ZERO);
        // So that it is subscribed on every connection.
        canary.wanted = true;
        Self {
            timings,
            connection: Connection::None,
            cause: None,
            backoff,
            channels: vec![Some(canary)],
            canaries: Canaries::default(),
            health: Health::Idle,
            outputs: VecDeque::new(),
        }
    }

    /// Handles an input. `now` must not be earlier than in the call before.
    pub fn handle(&mut self, now: Duration, input: Input) {
        match input {
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
            Input::Overflow => self.lose(now, &Cause::Overflow, SubscriptionState::unproven),
            Input::Tick => {}
        }
        self.advance(now);
    }

    /// Whether to deliver a message of this channel that arrived now.
    ///
    /// A message that comes while the channel is not subscribed is not delivered, and the channel
    /// records that it was missed. This call adds no outputs and does not change
    /// [`timeout`](Self::timeout).
    #[must_use]
    pub fn accepts(&mut self, channel: ChannelId) -> bool {
        match self.channel_mut(channel) {
            Some(channel) if channel.is_subscribed() => true,
            Some(channel) => {
                channel.missed();
                false
            }
            None => false,
        }
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
            .filter_map(|channel| channel.timeout(self.timings.lease, open))
            .min();
        connection.into_iter().chain(channels).min()
    }

    /// The health of the whole link: live if every channel with subscribers is.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    fn channel_mut(&mut self, id: ChannelId) -> Option<&mut ChannelState> {
        self.channels.get_mut(id.index())?.as_mut()
    }

    /// All channels except the canary channel.
    fn users(&self) -> impl Iterator<Item = (ChannelId, &ChannelState)> {
        (0..)
            .map(ChannelId)
            .zip(&self.channels)
            .skip(1)
            .filter_map(|(id, channel)| Some((id, channel.as_ref()?)))
    }

    fn subscribe(&mut self, now: Duration, id: ChannelId) {
        if self.channels.len() <= id.index() {
            self.channels.resize_with(id.index() + 1, || None);
        }
        let channel = self.channels[id.index()].get_or_insert_with(|| ChannelState::new(now));
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
            // The cause was that of the previous connection.
            self.cause = None;
            self.canaries.begin(now);
        }
    }

    fn disconnected(&mut self, now: Duration, cause: Cause) {
        if self.connection == Connection::Open {
            self.outputs.push_back(Output::Disconnect);
        }
        self.lose(now, &cause, |_, _| SubscriptionState::None);
        self.cause = Some(cause);
        self.canaries.end();
        if matches!(self.connection, Connection::Open | Connection::Opening) {
            self.connection = Connection::Waiting(now + self.backoff.next());
        }
    }

    fn confirmed(&mut self, id: ChannelId, gapless: bool) {
        let next_canary = self.canaries.next();
        // The canary channel has no subscribers to flush. It keeps owing the flush that it owes
        // from the start, so that a loss sets no timeout for it.
        let gapless = gapless && id != ChannelId::CANARY;
        if let Some(channel) = self.channel_mut(id) {
            channel.confirmed(next_canary, gapless);
        }
    }

    fn refused(&mut self, now: Duration, id: ChannelId, cause: Cause) {
        let retry = now + self.timings.backoff_max;
        if let Some(channel) = self.channel_mut(id) {
            channel.refused(cause, retry);
        }
    }

    fn unsubscribed(&mut self, now: Duration, id: ChannelId) {
        let Some(channel) = self.channel_mut(id) else {
            return;
        };
        if channel.subscription == SubscriptionState::Ending {
            channel.subscription = SubscriptionState::None;
        } else if self.connection == Connection::Open {
            // From now on it is not clear which command of this connection an answer is for.
            self.disconnected(now, Cause::Unsubscribed);
        }
    }

    fn rejected(&mut self, now: Duration, id: ChannelId) {
        let interval = self.timings.rejection_interval;
        if let Some(channel) = self.channel_mut(id)
            && channel.rejections.record(now, interval)
        {
            self.outputs
                .push_back(Output::Flush(id, Audience::Everyone));
        }
    }

    fn canary(&mut self, now: Duration, id: u64) {
        let Some(until) = self.canaries.returned(now, id, self.timings.lease) else {
            return;
        };
        self.backoff.reset();
        self.cause = None;
        self.outputs.push_back(Output::Lease { until });
        for channel in self.channels.iter_mut().flatten() {
            channel.proven(id);
        }
    }

    /// Events of every channel may have been lost. `left` maps each subscription to its state
    /// afterwards.
    fn lose(
        &mut self,
        now: Duration,
        cause: &Cause,
        left: fn(SubscriptionState, u64) -> SubscriptionState,
    ) {
        let next_canary = self.canaries.next();
        for (index, channel) in (0..).zip(&mut self.channels) {
            let Some(channel) = channel else { continue };
            channel.subscription = left(channel.subscription, next_canary);
            if channel.lost(now) {
                // The health before the flush, so that caches serve no old values in between.
                channel.health = Health::Down(cause.clone());
                let id = ChannelId(index);
                if id != ChannelId::CANARY {
                    self.outputs
                        .push_back(Output::ChannelHealth(id, channel.health.clone()));
                    self.outputs.push_back(Output::Flush(id, Audience::Inline));
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
            channel.subscription = SubscriptionState::None;
        }
    }

    fn send_subscriptions(&mut self, now: Duration) {
        for (index, channel) in (0..).zip(&mut self.channels) {
            let Some(channel) = channel else { continue };
            let id = ChannelId(index);
            let wanted = channel.wanted;
            match channel.subscription {
                SubscriptionState::None if wanted => {
                    channel.subscription = SubscriptionState::Sent { retry: false };
                }
                SubscriptionState::Refused { retry_at } if wanted && now >= retry_at => {
                    channel.subscription = SubscriptionState::Sent { retry: true };
                }
                SubscriptionState::Confirmed { .. } if !wanted => {
                    channel.subscription = SubscriptionState::Ending;
                    self.outputs.push_back(Output::Unsubscribe(id));
                    continue;
                }
                SubscriptionState::Refused { .. } if !wanted => {
                    channel.subscription = SubscriptionState::None;
                    continue;
                }
                _ => continue,
            }
            self.outputs.push_back(Output::Subscribe(id));
        }
    }

    /// Sends a canary if new subscriptions need one, or if a heartbeat is due.
    ///
    /// A canary for new subscriptions waits until all are answered, except retries of refused ones,
    /// so that channels become live together. A heartbeat does not wait. It proves the
    /// subscriptions that were confirmed before it.
    fn send_canary(&mut self, now: Duration) {
        let next = self.canaries.next();
        let mut all = self.channels.iter().flatten();
        let pending = all.any(|c| c.subscription == SubscriptionState::Sent { retry: false });
        let mut all = self.channels.iter().flatten();
        let unproven = !pending && self.listens() && all.any(|channel| channel.needs_canary(next));
        if unproven || self.heartbeat_due().is_some_and(|due| now >= due) {
            let id = self.canaries.send(now);
            self.outputs.push_back(Output::SendCanary(id));
        }
    }

    /// Whether the canary channel is subscribed, so that canaries can come back.
    fn listens(&self) -> bool {
        self.channels[ChannelId::CANARY.index()]
            .as_ref()
            .is_some_and(ChannelState::is_subscribed)
    }

    fn forget_unwanted(&mut self) {
        for (index, channel) in (0..).zip(&mut self.channels).skip(1) {
            let unused = |c: &ChannelState| !c.wanted && c.subscription == SubscriptionState::None;
            if channel.as_ref().is_some_and(unused) {
                *channel = None;
                self.outputs
                    .push_back(Output::ChannelHealth(ChannelId(index), Health::Idle));
            }
        }
    }

    /// Puts out the flushes that are due, and the health of each channel whose health has changed.
    fn settle_channels(&mut self, now: Duration) {
        let open = self.connection == Connection::Open;
        let (canary, users) = self.channels.split_at_mut(1);
        // Without canaries no channel can be live, so a refused canary channel is the cause for
        // all.
        let refused = canary[0].as_ref().and_then(|c| c.refusal.as_ref());
        for (index, channel) in (1..).zip(users) {
            let Some(channel) = channel else { continue };
            let id = ChannelId(index);
            if channel.flushes_early(now, self.timings.lease) {
                self.outputs
                    .push_back(Output::Flush(id, Audience::Handlers));
            }
            let rejected = channel
                .rejections
                .expire(now, self.timings.rejection_interval);
            let connection_cause = if open { refused } else { self.cause.as_ref() };
            let health = channel.current_health(connection_cause);
            let changed = health != channel.health;
            // The flush comes before `Live`. One flush covers all that is owed.
            let recovered = changed && health.is_live() && channel.settle();
            if rejected || recovered {
                self.outputs
                    .push_back(Output::Flush(id, Audience::Everyone));
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
            .then(|| self.canaries.heartbeat_due(self.timings.heartbeat))
    }

    fn lease_end(&self) -> Option<Duration> {
        self.canaries.lease_end(self.timings.lease)
    }
}
