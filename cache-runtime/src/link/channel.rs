//! One channel of a link: its subscription, and the flush that its subscribers are owed.

use std::time::Duration;

use super::rejections::Rejections;
use crate::health::{Cause, Health};

/// A channel's subscription on the present connection. At most one command of a channel is on its
/// way at any time, so that it is clear which command an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubscriptionState {
    None,
    /// Sent, not answered. `retry` if it was refused before.
    Sent {
        retry: bool,
    },
    /// Confirmed. Proven once a canary with this number, or a later one, has come back.
    Confirmed {
        canary: u64,
        proven: bool,
    },
    Refused {
        retry_at: Duration,
    },
    /// An unsubscription is on its way.
    Ending,
}

impl SubscriptionState {
    /// After a loss on a connection that goes on: a confirmed subscription stays so, but has to be
    /// proven again.
    pub(super) fn unproven(self, next_canary: u64) -> Self {
        match self {
            Self::Confirmed { .. } => Self::Confirmed {
                canary: next_canary,
                proven: false,
            },
            other => other,
        }
    }
}

#[derive(Debug)]
pub(super) struct ChannelState {
    /// Whether it has subscribers.
    pub(super) wanted: bool,
    pub(super) subscription: SubscriptionState,
    /// Why the server refuses the subscription, until it confirms it.
    pub(super) refusal: Option<Cause>,
    pub(super) rejections: Rejections,
    /// As it was last told.
    pub(super) health: Health,
    owed: Owed,
    /// When the loss happened that a flush is owed for.
    lost_at: Duration,
    /// Whether events may have been lost since the first subscriber came: then a gapless
    /// subscription does not save the flush.
    lost: bool,
}

/// The flush that is owed before the channel is live again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owed {
    Nothing,
    Flush,
    /// Handlers were flushed after a lease already, and everyone is flushed once more at the end.
    FlushAgain,
}

impl ChannelState {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            wanted: false,
            subscription: SubscriptionState::None,
            refusal: None,
            rejections: Rejections::default(),
            health: Health::Idle,
            // New subscribers have cached nothing that handlers would have to hear of after a lease.
            // They have missed what was published before the subscription took effect.
            owed: Owed::FlushAgain,
            lost_at: now,
            lost: false,
        }
    }

    /// The first subscriber has come. A subscription of earlier subscribers may still be on its way
    /// or be ending; it proves nothing, as the events in between went to nobody.
    pub(super) fn want(&mut self, now: Duration) {
        *self = Self {
            wanted: true,
            health: Health::Connecting,
            subscription: self.subscription,
            refusal: self.refusal.take(),
            ..Self::new(now)
        };
    }

    pub(super) fn is_subscribed(&self) -> bool {
        matches!(self.subscription, SubscriptionState::Confirmed { .. })
    }

    pub(super) fn confirmed(&mut self, next_canary: u64, gapless: bool) {
        if !matches!(self.subscription, SubscriptionState::Sent { .. }) {
            return;
        }
        self.subscription = SubscriptionState::Confirmed {
            canary: next_canary,
            proven: false,
        };
        self.refusal = None;
        if gapless && !self.lost {
            self.owed = Owed::Nothing;
        }
    }

    pub(super) fn refused(&mut self, cause: Cause, retry_at: Duration) {
        if matches!(self.subscription, SubscriptionState::Sent { .. }) {
            self.subscription = SubscriptionState::Refused { retry_at };
            self.refusal = Some(cause);
        }
    }

    /// A canary has come back, which proves every subscription confirmed before it was sent.
    pub(super) fn proven(&mut self, id: u64) {
        if let SubscriptionState::Confirmed { canary, proven } = &mut self.subscription
            && id >= *canary
        {
            *proven = true;
        }
    }

    /// Whether the next canary is the first that proves this subscription.
    pub(super) fn needs_canary(&self, next: u64) -> bool {
        matches!(
            self.subscription,
            SubscriptionState::Confirmed { canary, proven: false } if canary == next
        )
    }

    /// Takes note that events may have been lost; whether this is news, and no flush was owed yet.
    pub(super) fn lost(&mut self, now: Duration) -> bool {
        self.rejections.covered();
        self.lost = true;
        if self.owed != Owed::Nothing {
            return false;
        }
        self.owed = Owed::Flush;
        self.lost_at = now;
        true
    }

    /// Takes note of a message that came while there was no subscription.
    pub(super) fn missed(&mut self) {
        self.lost = true;
    }

    /// Whether to flush handlers now, as the channel has not been live again for a lease.
    pub(super) fn flushes_early(&mut self, now: Duration, lease: Duration) -> bool {
        let due = self.owed == Owed::Flush && now >= self.lost_at + lease;
        if due {
            self.owed = Owed::FlushAgain;
        }
        due
    }

    /// Settles the flush that is owed; whether one was.
    pub(super) fn settle(&mut self) -> bool {
        std::mem::replace(&mut self.owed, Owed::Nothing) != Owed::Nothing
    }

    pub(super) fn current_health(&self, connection_cause: Option<&Cause>) -> Health {
        if let Some(cause) = &self.refusal {
            return Health::Down(cause.clone());
        }
        match self.subscription {
            SubscriptionState::Confirmed { proven: true, .. } if self.rejections.owed() => {
                Health::Down(Cause::Rejected)
            }
            SubscriptionState::Confirmed { proven: true, .. } => Health::Live,
            _ => match (connection_cause, &self.health) {
                (Some(cause), _) | (None, Health::Down(cause)) => Health::Down(cause.clone()),
                (None, _) => Health::Connecting,
            },
        }
    }

    /// When something becomes due for this channel: a retry, an early flush, or the end of a window
    /// of rejections.
    pub(super) fn timeout(&self, lease: Duration, open: bool) -> Option<Duration> {
        let retry = match self.subscription {
            SubscriptionState::Refused { retry_at } if open && self.wanted => Some(retry_at),
            _ => None,
        };
        let early = (self.owed == Owed::Flush).then(|| self.lost_at + lease);
        [retry, early, self.rejections.timeout()]
            .into_iter()
            .flatten()
            .min()
    }
}
