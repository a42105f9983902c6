//! The proof that events arrive: canaries ask for it, the lease is how long it holds, and a loss ends
//! it for every channel.

use std::time::Duration;

use super::canaries::Proof;
use super::channel::{ChannelState, SubscriptionState};
use super::io::{Audience, ChannelId, FlushCause, Output};
use super::state::{Link, Proven};
use crate::health::{Cause, Health};

impl Link {
    /// Sends a canary if new subscriptions need one, or if a heartbeat is due.
    ///
    /// A canary for new subscriptions waits until all are answered, except retries of refused ones,
    /// so that channels become live together. A heartbeat does not wait. It proves the
    /// subscriptions that were confirmed before it.
    pub(super) fn send_canary(&mut self, now: Duration) {
        let unproven = !self.index.is_awaiting()
            && self.listens()
            && self.index.needs_canary(self.canaries.next());
        if unproven || self.heartbeat_due().is_some_and(|due| now >= due) {
            let number = self.canaries.send(now);
            self.outputs.push_back(Output::SendCanary(number));
        }
    }

    pub(super) fn canary(&mut self, now: Duration, number: u64) {
        self.canaries.returned(number);
        self.prove(now, number);
    }

    /// Renews the lease if the canary is complete by now, or notices a loss.
    pub(super) fn prove(&mut self, now: Duration, number: u64) {
        let until = match self.canaries.proof(now, number, self.timings.lease) {
            Some(Proof::Until(until)) => until,
            Some(Proof::Gap) => {
                return self.lose(now, &Cause::MissingCanary, SubscriptionState::unproven);
            }
            None => return,
        };
        self.backoff.reset();
        self.cause = None;
        self.proven = Some(Proven {
            since: self.proven.map_or(now, |proven| proven.since),
            canary: number,
        });
        self.outputs.push_back(Output::Lease { until });
        for id in self.index.proven_by(number) {
            if let Some(channel) = self.channel_mut(id) {
                channel.proven();
            }
        }
    }

    /// Events of every channel may have been lost. `left` maps each subscription to its state
    /// afterwards.
    pub(super) fn lose(
        &mut self,
        now: Duration,
        cause: &Cause,
        left: fn(SubscriptionState, u64) -> SubscriptionState,
    ) {
        // What is in flight was sent before the loss, and proves nothing after it.
        self.canaries.end();
        self.proven = None;
        let next_canary = self.canaries.next();
        let mut outputs = std::mem::take(&mut self.outputs);
        for (id, channel) in self.touch_all() {
            channel.subscription = left(channel.subscription, next_canary);
            if channel.lost(now) {
                // The health before the flush, so that caches serve no old values in between.
                channel.health = Health::Down(cause.clone());
                if id != ChannelId::CANARY {
                    outputs.push_back(Output::ChannelHealth(id, channel.health.clone()));
                    outputs.push_back(Output::Flush(id, Audience::Inline, FlushCause::Down));
                }
            }
        }
        self.outputs = outputs;
    }

    pub(super) fn heartbeat_due(&self) -> Option<Duration> {
        self.listens()
            .then(|| self.canaries.heartbeat_due(self.timings.heartbeat))
    }

    pub(super) fn lease_end(&self) -> Option<Duration> {
        self.canaries.lease_end(self.timings.lease)
    }

    /// Whether the canary channel is subscribed, so that canaries can come back.
    fn listens(&self) -> bool {
        self.channels[ChannelId::CANARY.index()]
            .as_ref()
            .is_some_and(ChannelState::is_subscribed)
    }
}
