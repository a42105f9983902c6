//! The canaries of a connection: which are on their way, and what those that came back prove.

use std::collections::VecDeque;
use std::time::Duration;

/// At most this many are in flight: a later one proves all that an earlier one does.
const MAX_IN_FLIGHT: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    next: u64,
    /// When the latest was sent, or when the connection was opened if none was.
    last: Duration,
    in_flight: VecDeque<(u64, Duration)>,
    /// When the connection's first was sent: from then on the connection has to prove itself.
    first: Option<Duration>,
    /// When the latest canary that came back had been sent.
    proof: Option<Duration>,
}

impl Canaries {
    /// A connection begins. Numbers go on, so that a canary of an earlier connection proves nothing.
    pub(super) fn begin(&mut self, now: Duration) {
        *self = Self {
            next: self.next,
            last: now,
            ..Self::default()
        };
    }

    /// The connection has ended, and with it what its canaries prove.
    pub(super) fn end(&mut self) {
        self.in_flight.clear();
        self.proof = None;
    }

    /// The number of the next canary.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Takes note that the next canary is sent; its number.
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

    /// Takes note that a canary has come back. Until when it proves that events arrive; `None` if it
    /// proves nothing: it is too late, or none of this connection, or a later one was faster.
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

    /// When the next one is due.
    pub(super) fn heartbeat_due(&self, heartbeat: Duration) -> Duration {
        self.last + heartbeat
    }

    /// By when the connection has to have proven itself; not at all before the first is sent.
    pub(super) fn lease_end(&self, lease: Duration) -> Option<Duration> {
        Some(self.proof.or(self.first)? + lease)
    }
}
