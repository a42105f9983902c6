//! One channel of a link: where its subscription stands, and what its subscribers are owed.

use std::time::Duration;

use super::rejections::Rejections;
use crate::health::{Cause, Health};

/// Where a subscription stands on the present connection. At most one command a channel is on its
/// way at any time, so that the server's answers cannot be mistaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subscription {
    None,
    /// Sent, not answered. `retry` where it was refused before.
    Sent {
        retry: bool,
    },
    /// Confirmed. Live once a canary with this number, or a later one, has come back.
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

impl Subscription {
    /// What lost messages leave: the subscription stands, but has to be proven anew.
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
pub(super) struct Channel {
    /// Whether anybody wants its events.
    pub(super) wanted: bool,
    pub(super) subscription: Subscription,
    /// Why the server will not have the subscription, until it does.
    pub(super) refusal: Option<Cause>,
    pub(super) rejections: Rejections,
    pub(super) health: Health,
    debt: Debt,
    lost_at: Duration,
    /// Whether anything was lost since somebody subscribed: then no subscription is gapless.
    lost: bool,
}

/// What subscribers are to be told before the channel is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Debt {
    None,
    /// That everything may be stale.
    Owed,
    /// The same once more: handlers were told early, because it took long.
    ToldEarly,
}

impl Channel {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            wanted: false,
            subscription: Subscription::None,
            refusal: None,
            rejections: Rejections::default(),
            health: Health::Idle,
            // Before it is live for the first time there is nothing to hurry for, but what was
            // published since somebody subscribed has been missed.
            debt: Debt::ToldEarly,
            lost_at: now,
            lost: false,
        }
    }

    /// Somebody wants its events, after nobody did. A subscription may still be on its way, or be
    /// ending, but what was published meanwhile went to nobody: nothing is proven of it.
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
        matches!(self.subscription, Subscription::Confirmed { .. })
    }

    pub(super) fn confirmed(&mut self, next_canary: u64, gapless: bool) {
        if !matches!(self.subscription, Subscription::Sent { .. }) {
            return;
        }
        self.subscription = Subscription::Confirmed {
            canary: next_canary,
            proven: false,
        };
        self.refusal = None;
        if gapless && !self.lost {
            self.debt = Debt::None;
        }
    }

    pub(super) fn refused(&mut self, cause: Cause, retry_at: Duration) {
        if matches!(self.subscription, Subscription::Sent { .. }) {
            self.subscription = Subscription::Refused { retry_at };
            self.refusal = Some(cause);
        }
    }

    /// A canary has come back: it proves every subscription confirmed before it was sent.
    pub(super) fn proven(&mut self, id: u64) {
        if let Subscription::Confirmed { canary, proven } = &mut self.subscription
            && id >= *canary
        {
            *proven = true;
        }
    }

    /// Whether the next canary is the first that would prove this subscription.
    pub(super) fn needs_canary(&self, next: u64) -> bool {
        matches!(self.subscription, Subscription::Confirmed { canary, proven: false } if canary == next)
    }

    /// Takes note of a loss; whether subscribers had anything to lose.
    pub(super) fn lost(&mut self, now: Duration) -> bool {
        self.rejections.covered();
        self.lost = true;
        if self.debt != Debt::None {
            // Told already, and nothing was proven since.
            return false;
        }
        self.debt = Debt::Owed;
        self.lost_at = now;
        true
    }

    /// Takes note of a message that came while there was no subscription.
    pub(super) fn missed(&mut self) {
        self.lost = true;
    }

    /// Whether handlers are to be told now, because the channel is not live for so long.
    pub(super) fn told_early(&mut self, now: Duration, lease: Duration) -> bool {
        let due = self.debt == Debt::Owed && now >= self.lost_at + lease;
        if due {
            self.debt = Debt::ToldEarly;
        }
        due
    }

    /// Settles what is owed; whether anything was.
    pub(super) fn pay(&mut self) -> bool {
        std::mem::replace(&mut self.debt, Debt::None) != Debt::None
    }

    pub(super) fn current_health(&self, connection_cause: Option<&Cause>) -> Health {
        if let Some(cause) = &self.refusal {
            return Health::Down(cause.clone());
        }
        match self.subscription {
            Subscription::Confirmed { proven: true, .. } if self.rejections.owed() => {
                Health::Down(Cause::Rejected)
            }
            Subscription::Confirmed { proven: true, .. } => Health::Live,
            _ => match (connection_cause, &self.health) {
                (Some(cause), _) | (None, Health::Down(cause)) => Health::Down(cause.clone()),
                (None, _) => Health::Connecting,
            },
        }
    }

    pub(super) fn timeout(&self, lease: Duration, open: bool) -> Option<Duration> {
        let retry = match self.subscription {
            Subscription::Refused { retry_at } if open && self.wanted => Some(retry_at),
            _ => None,
        };
        let early = (self.debt == Debt::Owed).then(|| self.lost_at + lease);
        [retry, early, self.rejections.timeout()]
            .into_iter()
            .flatten()
            .min()
    }
}
