//! The protocol core: when events may have been lost, which flushes follow, and when a channel is
//! live.
//!
//! The link is a state machine without sockets, tasks or a clock. The supervisor feeds it
//! [`Input`]s, each with the time since a fixed moment, and carries out the [`Output`]s in order.
//! Tests and the simulator drive the same code.
//!
//! A channel is *live* while all of this holds:
//! - its subscription is confirmed on the present connection;
//! - a canary that was sent after that is complete: it has come back, and since it was sent the
//!   server has answered on both connections that it is a primary;
//! - the latest complete canary was sent less than a lease ago;
//! - every identity that the server has told on either connection is the same;
//! - no canary is missing that was published before one that has come back, on the same connection.
//!
//! When one of these ends, that is a loss. A loss flushes inline subscribers at once. It flushes
//! everyone just before the channel is live again, when the subscription is known to have no gap.
//! If that takes longer than the lease, handlers are flushed after the lease as well.
//!
//! The cost of a step grows with the channels that it touches, and with the logarithm of the number
//! of channels. Only a loss, a new connection and an answer for the canary channel touch all.

mod canaries;
mod channel;
mod index;
mod io;
mod peer;
mod rejections;
#[cfg(test)]
mod tests;
mod timings;

use std::collections::VecDeque;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::health::{Cause, Health};
use crate::server_info::{Role, ServerInfo};
use canaries::{Canaries, Proof};
use channel::{ChannelState, SubscriptionState};
use index::Index;
pub use io::{Audience, ChannelId, Input, Output, Side};
use peer::Peer;
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
    index: Index,
    canaries: Canaries,
    peer: Peer,
    /// When the server last answered a subscription or an unsubscription on this connection.
    answered: Duration,
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
            index: Index::default(),
            canaries: Canaries::default(),
            peer: Peer::default(),
            answered: Duration::ZERO,
            health: Health::Idle,
            outputs: VecDeque::new(),
        }
    }

    /// Handles an input. `now` must not be earlier than in the call before.
    pub fn handle(&mut self, now: Duration, input: Input) {
        let pending = self.outputs.len();
        match input {
            Input::Subscribe(id) => self.subscribe(now, id),
            Input::Unsubscribe(id) => self.unsubscribe(id),
            Input::Connected(server) => self.connected(now, server),
            Input::Disconnected(cause) => self.disconnected(now, cause),
            Input::Confirmed { channel, gapless } => self.confirmed(now, channel, gapless),
            Input::Refused(id, cause) => self.refused(now, id, cause),
            Input::Unsubscribed(id) => self.unsubscribed(now, id),
            Input::Rejected(id) => self.rejected(now, id),
            Input::Canary(number) => self.canary(now, number),
            Input::Server {
                canary,
                side,
                connection,
                server,
            } => {
                if self.recognizes(now, server) {
                    self.canaries.told(canary, side, connection);
                    self.prove(now, canary);
                }
            }
            Input::CanaryFailed(cause) => self.cause = Some(cause),
            Input::Overflow => self.lose(now, &Cause::Overflow, SubscriptionState::unproven),
            Input::Tick => {}
        }
        self.advance(now);
        self.settle_health(pending);
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
        connection.into_iter().chain(self.index.timeout()).min()
    }

    /// The health of the whole link: live if every channel with subscribers is.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Why there is no connection, or why no canary could be sent over the present one. `None` if
    /// there is no such reason, or if nothing is subscribed.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    fn channel_mut(&mut self, id: ChannelId) -> Option<&mut ChannelState> {
        self.channels.get_mut(id.index())?.as_mut()
    }

    /// A channel that is going to be changed. It is settled before the step ends.
    fn touch(&mut self, id: ChannelId) -> Option<&mut ChannelState> {
        self.index.touch(id);
        self.channel_mut(id)
    }

    /// Every channel, because all are going to be changed. They are settled before the step ends.
    fn touch_all(&mut self) -> impl Iterator<Item = (ChannelId, &mut ChannelState)> {
        let index = &mut self.index;
        (0..)
            .map(ChannelId)
            .zip(&mut self.channels)
            .filter_map(move |(id, channel)| {
                index.touch(id);
                Some((id, channel.as_mut()?))
            })
    }

    fn subscribe(&mut self, now: Duration, id: ChannelId) {
        if self.channels.len() <= id.index() {
            self.channels.resize_with(id.index() + 1, || None);
        }
        self.index.touch(id);
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
        if let Some(channel) = self.touch(id) {
            channel.wanted = false;
        }
    }

    fn open(&mut self) {
        self.connection = Connection::Opening;
        self.outputs.push_back(Output::Connect);
    }

    fn connected(&mut self, now: Duration, server: ServerInfo) {
        if self.connection == Connection::Opening {
            self.connection = Connection::Open;
            // The cause was that of the previous connection.
            self.cause = None;
            self.peer = Peer::default();
            self.answered = now;
            self.canaries.begin(now);
            if self.recognizes(now, server) {
                self.touch_all().for_each(drop);
            }
        }
    }

    fn disconnected(&mut self, now: Duration, cause: Cause) {
        if self.connection == Connection::Open {
            self.outputs.push_back(Output::Disconnect);
        }
        self.lose(now, &cause, |_, _| SubscriptionState::None);
        self.cause = Some(cause);
        if matches!(self.connection, Connection::Open | Connection::Opening) {
            self.connection = Connection::Waiting(now + self.backoff.next());
        }
    }

    fn confirmed(&mut self, now: Duration, id: ChannelId, gapless: bool) {
        self.answered = now;
        let next_canary = self.canaries.next();
        // The canary channel has no subscribers to flush. It keeps owing the flush that it owes
        // from the start, so that a loss sets no timeout for it.
        let gapless = gapless && id != ChannelId::CANARY;
        if let Some(channel) = self.touch(id) {
            channel.confirmed(next_canary, gapless);
        }
        if id == ChannelId::CANARY {
            // It may have been refused, which was every channel's cause.
            self.touch_all().for_each(drop);
        }
    }

    fn refused(&mut self, now: Duration, id: ChannelId, cause: Cause) {
        self.answered = now;
        let retry = now + self.timings.backoff_max;
        if let Some(channel) = self.touch(id) {
            channel.refused(cause, retry);
        }
        if id == ChannelId::CANARY {
            self.touch_all().for_each(drop);
        }
    }

    fn unsubscribed(&mut self, now: Duration, id: ChannelId) {
        self.answered = now;
        let Some(channel) = self.touch(id) else {
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
        if let Some(channel) = self.touch(id) {
            let audience = if channel.rejections.record(now, interval) {
                Audience::Everyone
            } else {
                Audience::Inline
            };
            self.outputs.push_back(Output::Flush(id, audience));
        }
    }

    fn canary(&mut self, now: Duration, number: u64) {
        self.canaries.returned(number);
        self.prove(now, number);
    }

    /// Whether this is a primary, with the identity that was told before on these connections. If
    /// not, the connections end.
    fn recognizes(&mut self, now: Duration, server: ServerInfo) -> bool {
        if self.connection != Connection::Open {
            return false;
        }
        let cause = match server.role {
            Role::Other(role) => Cause::NotPrimary(role),
            Role::Primary if self.peer.is_same(server.identity) => return true,
            Role::Primary => Cause::AnotherServer,
        };
        self.disconnected(now, cause);
        false
    }

    /// Renews the lease if the canary is complete by now, or notices a loss.
    fn prove(&mut self, now: Duration, number: u64) {
        let until = match self.canaries.proof(now, number, self.timings.lease) {
            Some(Proof::Until(until)) => until,
            Some(Proof::Gap) => {
                return self.lose(now, &Cause::MissingCanary, SubscriptionState::unproven);
            }
            None => return,
        };
        self.backoff.reset();
        self.cause = None;
        self.outputs.push_back(Output::Lease { until });
        for id in self.index.proven_by(number) {
            if let Some(channel) = self.channel_mut(id) {
                channel.proven();
            }
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
        // What is in flight was sent before the loss, and proves nothing after it.
        self.canaries.end();
        let next_canary = self.canaries.next();
        let mut outputs = std::mem::take(&mut self.outputs);
        for (id, channel) in self.touch_all() {
            channel.subscription = left(channel.subscription, next_canary);
            if channel.lost(now) {
                // The health before the flush, so that caches serve no old values in between.
                channel.health = Health::Down(cause.clone());
                if id != ChannelId::CANARY {
                    outputs.push_back(Output::ChannelHealth(id, channel.health.clone()));
                    outputs.push_back(Output::Flush(id, Audience::Inline));
                }
            }
        }
        self.outputs = outputs;
    }

    /// Does what has become due or possible.
    fn advance(&mut self, now: Duration) {
        self.index.touch_due(now);
        // Some channel may no longer be wanted.
        let mut touched = self.update_index();
        self.close_if_unwanted();
        match self.connection {
            Connection::Waiting(at) if now >= at => self.open(),
            Connection::Open if self.lease_end().is_some_and(|end| now >= end) => self.expire(now),
            Connection::Open | Connection::None | Connection::Opening | Connection::Waiting(_) => {}
        }
        touched.extend(self.index.take_touched());
        touched.sort_unstable();
        touched.dedup();
        if self.connection == Connection::Open {
            for id in &touched {
                self.send_subscription(now, *id);
            }
            self.update(&touched);
            self.send_canary(now);
        }
        for id in &touched {
            self.settle(now, *id);
        }
        self.update(&touched);
    }

    /// The lease has ended. The connection is kept while the server still answers subscriptions,
    /// because on a new one all of them would have to be sent again.
    fn expire(&mut self, now: Duration) {
        let cause = self.cause.take().unwrap_or(Cause::LeaseExpired);
        if self.index.is_unanswered() && now < self.answered + self.timings.lease {
            self.lose(now, &cause, SubscriptionState::unproven);
        } else {
            self.disconnected(now, cause);
        }
    }

    fn close_if_unwanted(&mut self) {
        if self.index.is_wanted() || self.connection == Connection::None {
            return;
        }
        self.outputs.push_back(Output::Disconnect);
        self.connection = Connection::None;
        self.cause = None;
        self.canaries.end();
        for (_, channel) in self.touch_all() {
            channel.subscription = SubscriptionState::None;
        }
    }

    fn send_subscription(&mut self, now: Duration, id: ChannelId) {
        let Some(channel) = self.channel_mut(id) else {
            return;
        };
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
                return;
            }
            SubscriptionState::Refused { .. } if !wanted => {
                channel.subscription = SubscriptionState::None;
                return;
            }
            _ => return,
        }
        self.outputs.push_back(Output::Subscribe(id));
    }

    /// Sends a canary if new subscriptions need one, or if a heartbeat is due.
    ///
    /// A canary for new subscriptions waits until all are answered, except retries of refused ones,
    /// so that channels become live together. A heartbeat does not wait. It proves the
    /// subscriptions that were confirmed before it.
    fn send_canary(&mut self, now: Duration) {
        let unproven = !self.index.is_awaiting()
            && self.listens()
            && self.index.needs_canary(self.canaries.next());
        if unproven || self.heartbeat_due().is_some_and(|due| now >= due) {
            let number = self.canaries.send(now);
            self.outputs.push_back(Output::SendCanary(number));
        }
    }

    /// Whether the canary channel is subscribed, so that canaries can come back.
    fn listens(&self) -> bool {
        self.channels[ChannelId::CANARY.index()]
            .as_ref()
            .is_some_and(ChannelState::is_subscribed)
    }

    /// Forgets a channel that is not used any more. Flushes what is due in another, and reports its
    /// health if it has changed.
    fn settle(&mut self, now: Duration, id: ChannelId) {
        if id == ChannelId::CANARY {
            return;
        }
        let open = self.connection == Connection::Open;
        let (canary, users) = self.channels.split_at_mut(1);
        let Some(slot) = users.get_mut(id.index() - 1) else {
            return;
        };
        let Some(channel) = slot else { return };
        if !channel.wanted && channel.subscription == SubscriptionState::None {
            self.index.forget(id, channel.marks);
            *slot = None;
            self.outputs
                .push_back(Output::ChannelHealth(id, Health::Idle));
            return;
        }
        // Without canaries no channel can be live, so their refusal is every channel's cause.
        let refused = canary[0].as_ref().and_then(|c| c.refusal.as_ref());
        let interval = self.timings.rejection_interval;
        let early = channel.flushes_early(now, self.timings.lease);
        let rejected = channel.rejections.expire(now, interval);
        let connection_cause = if open { refused } else { self.cause.as_ref() };
        let health = channel.current_health(connection_cause);
        let changed = health != channel.health;
        // The flush first, live second. One flush settles everything that is owed.
        let recovered = changed && health.is_live() && channel.settle();
        if recovered {
            self.outputs
                .push_back(Output::Flush(id, Audience::Everyone));
        } else if early || rejected {
            self.outputs
                .push_back(Output::Flush(id, Audience::Handlers));
        }
        if changed {
            channel.health = health;
            self.outputs
                .push_back(Output::ChannelHealth(id, channel.health.clone()));
        }
    }

    /// Updates the index for the touched channels, and returns them.
    fn update_index(&mut self) -> Vec<ChannelId> {
        let touched = self.index.take_touched();
        self.update(&touched);
        touched
    }

    fn update(&mut self, ids: &[ChannelId]) {
        let open = self.connection == Connection::Open;
        for &id in ids {
            let channel = self.channels.get_mut(id.index()).and_then(Option::as_mut);
            if let Some(channel) = channel {
                let marks = channel.current_marks(self.timings.lease, open);
                self.index.update(id, channel.marks, marks);
                channel.marks = marks;
            }
        }
    }

    /// Reports the health of the link if it has changed. Live comes after the reports of channels,
    /// and anything else before them. So the link is never reported as live while a channel is not.
    fn settle_health(&mut self, before: usize) {
        let down = self.index.first_down().map(ChannelId::index);
        let down = down.and_then(|index| self.channels[index].as_ref());
        let health = match down {
            _ if self.connection == Connection::None => &Health::Idle,
            Some(channel) => &channel.health,
            None if self.index.is_connecting() => &Health::Connecting,
            None => &Health::Live,
        };
        if *health != self.health {
            self.health = health.clone();
            let at = if self.health.is_live() {
                self.outputs.len()
            } else {
                before
            };
            self.outputs
                .insert(at, Output::LinkHealth(self.health.clone()));
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
