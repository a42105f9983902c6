//! One channel of a link: its subscription, and the flush that it owes its subscribers.

use std::hash::Hasher;
use std::mem::discriminant;
use std::time::Duration;

use super::digest::Digest;
use super::index::{Command, Marks, Standing};
use super::rejections::Rejections;
use crate::health::{Cause, Health};

/// A channel's subscription on the present connection.
///
/// A channel has at most one unanswered command, so that it is clear which command an answer is
/// for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubscriptionState {
    None,
    /// A subscription was sent, and is not answered. `retry` if an earlier one was refused.
    Sent {
        retry: bool,
    },
    /// Confirmed. It is proven once a canary with this number or a later one has come back.
    Confirmed {
        canary: u64,
        proven: bool,
    },
    Refused {
        retry_at: Duration,
    },
    /// An unsubscription was sent, and is not answered.
    Ending,
}

impl SubscriptionState {
    /// The state after a loss on a connection that stays open: a confirmed subscription stays
    /// confirmed, but must be proven again.
    pub(super) fn unproven(self, next_canary: u64) -> Self {
        match self {
            Self::Confirmed { .. } => Self::Confirmed {
                canary: next_canary,
                proven: false,
            },
            other => other,
        }
    }

    fn digest<H: Hasher>(self, digest: &mut Digest<'_, H>) {
        digest.add(discriminant(&self));
        match self {
            Self::None | Self::Ending => {}
            Self::Sent { retry } => digest.add(retry),
            // The number matters only until the subscription is proven.
            Self::Confirmed { proven: true, .. } => digest.add(true),
            Self::Confirmed {
                canary,
                proven: false,
            } => {
                digest.add(false);
                digest.canary(Some(canary));
            }
            Self::Refused { retry_at } => digest.due(Some(retry_at)),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct ChannelState {
    /// Whether the channel has subscribers.
    pub(super) wanted: bool,
    pub(super) subscription: SubscriptionState,
    /// Why the server refused the subscription; `None` once it confirms one.
    pub(super) refusal: Option<Cause>,
    pub(super) rejections: Rejections,
    /// What the index knows of the channel.
    pub(super) marks: Marks,
    /// As it was last reported.
    pub(super) health: Health,
    owed: Owed,
    /// When the loss happened for which a flush is owed.
    lost_at: Duration,
    /// Whether events may have been lost since the first subscriber came. Then even a gapless
    /// subscription needs a flush.
    lost: bool,
}

/// The flush that is owed before the channel is live again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owed {
    Nothing,
    /// All subscribers are flushed before the channel is live. Handlers are also flushed after a
    /// lease.
    Flush,
    /// As `Flush`, but without the flush after a lease: it was done, or the subscription is new.
    FlushAgain,
}

impl ChannelState {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            wanted: false,
            subscription: SubscriptionState::None,
            refusal: None,
            rejections: Rejections::default(),
            marks: Marks::default(),
            health: Health::Idle,
            // New subscribers miss the events that are published before the subscription takes
            // effect. They have cached nothing before it, so handlers need no flush after a lease.
            owed: Owed::FlushAgain,
            lost_at: now,
            lost: false,
        }
    }

    /// The first subscriber has come. A subscription of earlier subscribers may still be unanswered
    /// or ending. A flush is owed all the same, because events in between reached no subscriber.
    pub(super) fn want(&mut self, now: Duration) {
        *self = Self {
            wanted: true,
            health: Health::Connecting,
            subscription: self.subscription,
            refusal: self.refusal.take(),
            marks: self.marks,
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

    /// A canary proves the subscription.
    pub(super) fn proven(&mut self) {
        if let SubscriptionState::Confirmed { proven, .. } = &mut self.subscription {
            *proven = true;
        }
    }

    /// Takes note that events may have been lost. Returns whether no flush was owed before.
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

    /// Records that a message came while the channel was not subscribed.
    pub(super) fn missed(&mut self) {
        self.lost = true;
    }

    /// Whether to flush handlers now, because the channel has not been live for a lease since the
    /// loss. Returns `true` once for a loss.
    pub(super) fn flushes_early(&mut self, now: Duration, lease: Duration) -> bool {
        let due = self.owed == Owed::Flush && now >= self.lost_at + lease;
        if due {
            self.owed = Owed::FlushAgain;
        }
        due
    }

    /// Marks the owed flush as done. Returns whether one was owed.
    pub(super) fn settle(&mut self) -> bool {
        std::mem::replace(&mut self.owed, Owed::Nothing) != Owed::Nothing
    }

    pub(super) fn current_health(&self, connection_cause: Option<&Cause>) -> Health {
        if let Some(cause) = &self.refusal {
            return Health::Down(cause.clone());
        }
        match self.subscription {
            SubscriptionState::Confirmed { proven: true, .. } => Health::Live,
            _ => match (connection_cause, &self.health) {
                (Some(cause), _) | (None, Health::Down(cause)) => Health::Down(cause.clone()),
                (None, _) => Health::Connecting,
            },
        }
    }

    /// What the index has to know of the channel now.
    pub(super) fn current_marks(&self, lease: Duration) -> Marks {
        let unproven = match self.subscription {
            SubscriptionState::Confirmed {
                canary,
                proven: false,
            } => Some(canary),
            _ => None,
        };
        Marks {
            standing: match self.health {
                _ if !self.wanted => Standing::Unwanted,
                Health::Live | Health::LiveAmongInstances => Standing::Live,
                Health::Down(_) => Standing::Down,
                Health::Idle | Health::Connecting | Health::Closed => Standing::Connecting,
            },
            command: match self.subscription {
                SubscriptionState::Sent { retry: false } => Command::Subscription,
                SubscriptionState::Sent { retry: true } | SubscriptionState::Ending => {
                    Command::Other
                }
                _ => Command::None,
            },
            unproven,
            due: self.due(lease),
        }
    }

    /// When something becomes due for this channel: a retry, an early flush, or the end of a window
    /// of rejections.
    fn due(&self, lease: Duration) -> Option<Duration> {
        let retry = match self.subscription {
            // Between two steps such a channel is wanted, and the connection is open.
            SubscriptionState::Refused { retry_at } => Some(retry_at),
            _ => None,
        };
        let early = (self.owed == Owed::Flush).then(|| self.lost_at + lease);
        [retry, early, self.rejections.timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn digest<H: Hasher>(&self, digest: &mut Digest<'_, H>) {
        let Self {
            wanted,
            subscription,
            refusal,
            rejections,
            marks,
            health,
            owed,
            lost_at,
            lost,
        } = self;
        digest.add((wanted, owed, lost));
        subscription.digest(digest);
        digest.cause(refusal.as_ref());
        rejections.digest(digest);
        marks.digest(digest);
        digest.health(health);
        // It matters only while handlers have not been flushed.
        let early = (*owed == Owed::Flush).then(|| *lost_at + digest.timings.lease);
        digest.due(early);
    }
}
