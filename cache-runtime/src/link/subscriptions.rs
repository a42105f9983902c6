//! The subscriptions: which channels have subscribers, what the server answers, and which command a
//! channel needs next.

use std::time::Duration;

use super::channel::{ChannelState, SubscriptionState};
use super::io::{ChannelId, Output};
use super::state::{Connection, Link};
use crate::health::{Cause, Health};

impl Link {
    pub(super) fn subscribe(&mut self, now: Duration, id: ChannelId) {
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

    pub(super) fn unsubscribe(&mut self, id: ChannelId) {
        if let Some(channel) = self.touch(id) {
            channel.wanted = false;
        }
    }

    pub(super) fn confirmed(&mut self, now: Duration, id: ChannelId, gapless: bool) {
        self.answered = now;
        let next_canary = self.canaries.next();
        // The canary channel has no subscribers to flush. It keeps owing the flush that it owes
        // from the start, so that a loss sets no timeout for it.
        let gapless = gapless && id != ChannelId::CANARY;
        if let Some(channel) = self.touch(id) {
            channel.confirmed(next_canary, gapless);
        }
    }

    pub(super) fn refused(&mut self, now: Duration, id: ChannelId, cause: Cause) {
        self.answered = now;
        let retry = now
            + match cause {
                // The node may be about to learn that it serves the slot.
                Cause::Moved(_) => self.timings.heartbeat,
                _ => self.timings.backoff_max,
            };
        if let Some(channel) = self.touch(id) {
            channel.refused(cause, retry);
        }
        if id == ChannelId::CANARY {
            self.touch_all().for_each(drop);
        }
    }

    pub(super) fn unsubscribed(&mut self, now: Duration, id: ChannelId) {
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

    pub(super) fn send_subscription(&mut self, now: Duration, id: ChannelId) {
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
}
