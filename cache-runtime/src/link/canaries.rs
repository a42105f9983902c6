//! The canaries of a connection: which are on their way, and what those that came back prove.
//!
//! A canary is *complete* when it has come back and the server has said on both connections that it
//! is a primary. All of that happened after the canary was sent, so at that time others heard us
//! and we heard them.

use std::collections::VecDeque;
use std::time::Duration;

use super::io::Side;

/// At most this many are in flight: a later one proves all that an earlier one does.
const MAX_IN_FLIGHT: usize = 16;

/// The canaries of the present connection.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    next: u64,
    /// When the latest canary was sent, or if none was, when the connection was opened.
    last: Duration,
    in_flight: VecDeque<Canary>,
    /// When the first was sent that could have renewed the lease: from then on the connection has to
    /// prove itself.
    first: Option<Duration>,
    /// When the latest canary that is complete had been sent.
    proof: Option<Duration>,
}

#[derive(Debug)]
struct Canary {
    number: u64,
    sent_at: Duration,
    came_back: bool,
    /// Whether the server has said on the connection for events what it is.
    told: bool,
    /// The connection on which it was published, and on which the server said what it is.
    published: Option<u64>,
}

impl Canary {
    fn is_complete(&self) -> bool {
        self.came_back && self.told && self.published.is_some()
    }

    /// Whether this one was published before another one that has come back, and has not come itself.
    fn is_missing(&self, other: &Self) -> bool {
        // A connection keeps its order.
        self.published.is_some() && self.published == other.published && !self.came_back
    }
}

/// What a canary shows that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Events arrive until then, as far as is known.
    Until(Duration),
    /// An earlier one is missing. A connection keeps its order, so what was pushed together with it is
    /// missing as well.
    Gap,
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

    /// What was proven holds no longer, and what is in flight will prove nothing.
    pub(super) fn end(&mut self) {
        self.in_flight.clear();
        self.first = None;
        self.proof = None;
    }

    /// The number of the next canary.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Records that the next canary is sent, and returns its number.
    pub(super) fn send(&mut self, now: Duration) -> u64 {
        let number = self.next;
        self.next += 1;
        self.last = now;
        self.first.get_or_insert(now);
        if self.in_flight.len() == MAX_IN_FLIGHT {
            self.in_flight.pop_front();
        }
        self.in_flight.push_back(Canary {
            number,
            sent_at: now,
            came_back: false,
            told: false,
            published: None,
        });
        number
    }

    /// Takes note that a canary has come back.
    pub(super) fn returned(&mut self, number: u64) {
        if let Some(canary) = self.get(number) {
            canary.came_back = true;
        }
    }

    /// Takes note that the server has said on a connection that it is a primary, when it was asked with
    /// this canary. Connections are numbered.
    pub(super) fn told(&mut self, number: u64, side: Side, connection: u64) {
        if let Some(canary) = self.get(number) {
            match side {
                Side::Events => canary.told = true,
                Side::Commands => canary.published = Some(connection),
            }
        }
    }

    /// What this canary proves by now: nothing if it is not complete, or late, or was overtaken by a
    /// later one.
    pub(super) fn proof(&mut self, now: Duration, number: u64, lease: Duration) -> Option<Proof> {
        let index = self.index(number)?;
        let canary = &self.in_flight[index];
        if !canary.is_complete() {
            return None;
        }
        let sent_at = canary.sent_at;
        let mut earlier = self.in_flight.range(..index);
        let gap = earlier.any(|earlier| earlier.is_missing(canary));
        self.in_flight.drain(..=index);
        if gap {
            return Some(Proof::Gap);
        }
        let until = sent_at + lease;
        if now >= until {
            return None;
        }
        self.proof = Some(sent_at);
        Some(Proof::Until(until))
    }

    fn get(&mut self, number: u64) -> Option<&mut Canary> {
        let index = self.index(number)?;
        self.in_flight.get_mut(index)
    }

    fn index(&self, number: u64) -> Option<usize> {
        self.in_flight
            .iter()
            .position(|canary| canary.number == number)
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
