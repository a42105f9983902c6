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
//!   server has answered on those for events and for publishing that it is a primary;
//! - the latest complete canary was sent less than a lease ago;
//! - every identity that the server has told on any connection is the same;
//! - no canary is missing that was published before one that has come back, on the same connection.
//!
//! When one of these ends, that is a loss. A loss flushes inline subscribers at once. It flushes
//! everyone just before the channel is live again, when the subscription is known to have no gap.
//! If that takes longer than the lease, handlers are flushed after the lease as well.
//!
//! The cost of a step grows with the channels that it touches, and with the logarithm of the number
//! of channels. Only a loss, a new connection and a refusal of the canary channel touch all.
//!
//! This file has the inputs, and the order of what a step does. The parts of a step are in
//! `subscriptions`, `connection`, `proof` and `reports`. What they change is in `state`.

mod canaries;
mod channel;
mod connection;
mod digest;
mod index;
mod io;
mod peer;
mod proof;
mod rejections;
mod reports;
mod state;
mod subscriptions;
#[cfg(test)]
mod tests;
mod timings;

use std::time::Duration;

use crate::health::{Cause, Health};
use crate::remedy::Remedy;
use channel::{ChannelState, SubscriptionState};
pub use io::{Audience, ChannelId, FlushCause, Input, Output, Side};
use state::Connection;
pub use state::Link;
pub(crate) use state::Proven;
pub use timings::Timings;

impl Link {
    /// Handles an input. `now` must not be earlier than in the call before.
    pub fn handle(&mut self, now: Duration, input: Input) {
        let pending = self.outputs.len();
        match input {
            Input::Subscribe(id) => self.subscribe(now, id),
            Input::Unsubscribe(id) => self.unsubscribe(id),
            Input::Connected(server) => self.connected(now, server),
            Input::Disconnected(cause)
            // What others publish goes to another node by now.
            | Input::CanaryFailed(cause @ Cause::Moved(_)) => self.disconnected(now, cause),
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
            Input::Overflow if !Remedy::Overflow.applies() => {}
            Input::Overflow => self.lose(now, &Cause::Overflow, SubscriptionState::unproven),
            Input::Unanswered => self.lose(now, &Cause::Unanswered, SubscriptionState::unproven),
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

    /// Whether a channel's subscription is confirmed.
    #[must_use]
    pub fn is_subscribed(&self, channel: ChannelId) -> bool {
        let channel = self.channels.get(channel.index());
        channel.is_some_and(|channel| channel.as_ref().is_some_and(ChannelState::is_subscribed))
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

    /// Since when no message can have been lost, and by which canary that is known; `None` if it is
    /// not.
    #[must_use]
    pub fn proven(&self) -> Option<Proven> {
        self.proven
    }

    /// Why there is no connection, or why no canary could be sent over the present one. `None` if
    /// there is no such reason, or if nothing is subscribed.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
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
}
