//! The small worlds that are explored, and what can go wrong in each.

use std::time::Duration;

use cache_runtime::__private::link::Timings;

/// The unit of time. Only timers are finer: the wait before a new connection is over at the next
/// tick.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// What can go wrong, any number of times unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// What an instance sends takes a while to reach the server.
    SlowUp,
    /// Answers on the connection for publishing take a while.
    SlowAnswers,
    /// Time passes although a timeout of the link is due.
    LateTick,
    /// A connection ends, or an attempt to connect fails.
    Disconnect,
    /// Pushes vanish on a connection that stays open, together with a canary.
    Lose,
    /// A canary cannot be published.
    CanaryFails,
    /// Messages that have arrived are discarded.
    Overflow,
    /// A message is rejected.
    Reject,
    /// The server refuses a subscription.
    Refuse,
    /// The server ends a subscription by itself.
    Unsubscribe,
    /// Another instance has heard no answer to its fence.
    Unanswered,
    /// Users leave a channel, and come again.
    Leave,
    /// A canary of an earlier connection is published late.
    Stray,
    /// A canary is published twice.
    Twice,
    /// The connection for publishing is replaced, once for each connection for events; answers on it
    /// are lost.
    Reopen,
    /// One of the two connections moves to another server that is a primary.
    Move,
    /// The replica becomes the primary; once.
    FailOver,
    /// The server is replaced behind the connections; once.
    Replace,
}

/// A world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) name: &'static str,
    pub(super) instances: usize,
    pub(super) channels: u32,
    /// The events that are on their way, or missed, at the same time.
    pub(super) events: usize,
    /// Faults, users and publishers wait while more pieces are on their way over the connections of
    /// an instance.
    pub(super) in_flight: usize,
    pub(super) heartbeat: u64,
    pub(super) lease: u64,
    pub(super) interval: u64,
    /// If it is too large: all states that are at most this many steps away from one in which every
    /// channel is live. Otherwise all states, from the first call of a user on.
    pub(super) steps: Option<u32>,
    /// If it is too large all the same: all states within so many ticks after one in which every channel
    /// is live.
    pub(super) ticks: Option<u64>,
    /// How often something goes wrong, or users leave, if that is limited.
    pub(super) strikes: Option<u32>,
    pub(super) faults: &'static [Fault],
}

impl Bounds {
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// Whether the search begins with every channel live.
    pub(super) fn begins_live(&self) -> bool {
        self.steps.is_some() || self.ticks.is_some()
    }

    pub(super) fn timings(&self) -> Timings {
        let ticks = |ticks: u64| TICK * u32::try_from(ticks).expect("a small number");
        Timings {
            heartbeat: ticks(self.heartbeat),
            lease: ticks(self.lease),
            // So short that jitter makes no difference.
            backoff_min: Duration::from_nanos(2),
            backoff_max: Duration::from_nanos(2),
            rejection_interval: ticks(self.interval),
            seed: 0,
        }
    }
}
