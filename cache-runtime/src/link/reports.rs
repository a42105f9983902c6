//! What subscribers are told: the flushes that are due, and the health of channels and of the link.

use std::time::Duration;

use super::channel::SubscriptionState;
use super::io::{Audience, ChannelId, FlushCause, Output};
use super::state::{Connection, Link};
use crate::health::Health;

impl Link {
    pub(super) fn rejected(&mut self, now: Duration, id: ChannelId) {
        let interval = self.timings.rejection_interval;
        if let Some(channel) = self.touch(id) {
            let audience = if channel.rejections.record(now, interval) {
                Audience::Everyone
            } else {
                Audience::Inline
            };
            self.outputs
                .push_back(Output::Flush(id, audience, FlushCause::Rejected));
        }
    }

    /// Forgets a channel that is not used any more. Flushes what is due in another, and reports its
    /// health if it has changed.
    pub(super) fn settle(&mut self, now: Duration, id: ChannelId) {
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
                .push_back(Output::Flush(id, Audience::Everyone, FlushCause::Live));
        } else if early || rejected {
            let cause = if early {
                FlushCause::Down
            } else {
                FlushCause::Rejected
            };
            self.outputs
                .push_back(Output::Flush(id, Audience::Handlers, cause));
        }
        if changed {
            channel.health = health;
            self.outputs
                .push_back(Output::ChannelHealth(id, channel.health.clone()));
        }
    }

    /// Reports the health of the link if it has changed. Live comes after the reports of channels,
    /// and anything else before them. So the link is never reported as live while a channel is not.
    pub(super) fn settle_health(&mut self, before: usize) {
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
}
