//! The canaries of a connection: which are in flight, and what the returned ones prove.

use std::collections::VecDeque;
use std::time::Duration;

/// Most canaries in flight. The oldest are forgotten, because a later one proves all that they
/// would.
const MAX_IN_FLIGHT: usize = 16;

/// The canaries of the present connection.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    next: u64,
    /// When the latest canary was sent, or if none was, when the connection was opened.
    last: Duration,
    /// The numbers of the canaries in flight, and when each was sent.
    in_flight: VecDeque<(u64, Duration)>,
    /// When the connection's first canary was sent. The first lease begins then.
    first: Option<Duration>,
    /// When the latest canary that came back was sent.
    proof: Option<Duration>,
}

impl Canaries {
    /// A connection begins. Numbers are not reused, so a canary of an earlier connection proves
    /// nothing.
    pub(super) fn begin(&mut self, now: Duration) {
        *self = Self {
            next: self.next,
            last: now,
            ..Self::default()
        };
    }

    /// The connection has ended, so its canaries prove nothing any more.
    pub(super) fn end(&mut self) {
        self.in_flight.clear();
        self.proof = None;
    }

    /// The number of the next canary.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Records that the next canary is sent, and returns its number.
    pub(super) fn send(&mut self, now: Duration) -> u64 {
        let id = self.next;
        self.next += 1;
        self.last = now;
        self.first.get_or_insert(now);
        if self.in_flight.len() == MAX_IN_FLIGHT {
            self.in_flight.pop_front();
        }
        self.in_flight.push_back((id, now));
        id
    }

    /// Records that a canary has come back, and returns until when it proves that events arrive.
    ///
    /// `None` if it proves nothing: it is late, it is of another connection, or a later one came
    /// first.
    pub(super) fn returned(&mut self, now: Duration, id: u64, lease: Duration) -> Option<Duration> {
        let index = self.in_flight.iter().position(|&(sent, _)| sent == id)?;
        let (_, sent_at) = self.in_flight[index];
        self.in_flight.drain(..=index);
        let until = sent_at + lease;
        if now >= until {
            return None;
        }
        self.proof = Some(sent_at);
        Some(until)
    }

    /// When the next canary is due.
    pub(super) fn heartbeat_due(&self, heartbeat: Duration) -> Duration {
        self.last + heartbeat
    }

    /// When the lease ends unless another canary comes back; `None` before the first is sent.
    pub(super) fn lease_end(&self, lease: Duration) -> Option<Duration> {
        Some(self.proof.or(self.first)? + lease)
    }
}
