//! The canaries of a connection: which are in flight, and what the complete ones prove.
//!
//! A canary is *complete* when it has come back and the server has answered on both connections
//! that it is a primary. All of that happened after the canary was sent. So when it was sent, events
//! still reached this instance from the others, and the others from this one.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::time::Duration;

use super::digest::Digest;
use super::io::Side;
use crate::remedy::Remedy;

/// The most canaries in flight. The oldest are forgotten, because a later one proves all that they
/// would.
const MAX_IN_FLIGHT: usize = 1024;

/// The canaries of the present connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Canaries {
    next: u64,
    /// When the latest canary was sent, or if none was, when the connection was opened.
    last: Duration,
    in_flight: VecDeque<Canary>,
    /// When the first canary was sent since the connection began or proofs ended. The first lease
    /// begins then.
    first: Option<Duration>,
    /// When the latest complete canary was sent.
    proof: Option<Duration>,
}

#[derive(Debug, Clone)]
struct Canary {
    number: u64,
    sent_at: Duration,
    came_back: bool,
    /// Whether the server has answered on the connection for events that it is a primary.
    told: bool,
    /// The connection on which the canary was published, once the server has answered there that it
    /// is a primary.
    published: Option<u64>,
    /// The number of the next canary when that answer arrived.
    published_before: Option<u64>,
}

impl Canary {
    fn is_complete(&self) -> bool {
        (self.came_back || !Remedy::CanaryComesBack.applies())
            && self.told
            && self.published.is_some()
    }

    /// Whether this canary was published before `other`, which has come back, and has not come back
    /// itself.
    fn is_missing(&self, other: &Self) -> bool {
        // A connection keeps its order, and what was answered came before what was sent later.
        let in_order = self.published.is_some() && self.published == other.published;
        let earlier = self
            .published_before
            .is_some_and(|before| before <= other.number);
        (in_order || earlier) && !self.came_back
    }
}

/// What a complete canary shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Events are taken to arrive until then.
    Until(Duration),
    /// An earlier canary is missing. Connections keep their order, so it was lost, and events may
    /// have been lost with it.
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

    /// Ends the proof, and forgets the canaries in flight, so that they prove nothing.
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
            published_before: None,
        });
        number
    }

    /// Takes note that a canary has come back.
    pub(super) fn returned(&mut self, number: u64) {
        if let Some(canary) = self.get(number) {
            canary.came_back = true;
        }
    }

    /// Takes note that the server has answered on a connection that it is a primary. It was asked
    /// together with this canary. On [`Side::Commands`], `connection` tells connections apart.
    pub(super) fn told(&mut self, number: u64, side: Side, connection: u64) {
        let next = self.next;
        if let Some(canary) = self.get(number) {
            match side {
                Side::Events => canary.told = true,
                Side::Commands => {
                    canary.published = Some(connection);
                    canary.published_before.get_or_insert(next);
                }
                // It has to be the same server, and proves nothing more.
                Side::Other => {}
            }
        }
    }

    /// What this canary proves by now. It proves nothing if it is not complete, is late, or a later
    /// one was complete first.
    pub(super) fn proof(&mut self, now: Duration, number: u64, lease: Duration) -> Option<Proof> {
        let index = self.index(number)?;
        let canary = &self.in_flight[index];
        if !canary.is_complete() {
            return None;
        }
        let sent_at = if Remedy::LeaseFromSending.applies() {
            canary.sent_at
        } else {
            now
        };
        let mut earlier = self.in_flight.range(..index);
        let gap = earlier.any(|earlier| earlier.is_missing(canary));
        self.in_flight.drain(..=index);
        if gap && Remedy::MissingCanary.applies() {
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

    pub(super) fn digest<H: Hasher>(&self, digest: &mut Digest<'_, H>) {
        let Self {
            next: _,
            last,
            in_flight,
            first,
            proof,
        } = self;
        let (heartbeat, lease) = (digest.timings.heartbeat, digest.timings.lease);
        digest.due(Some(*last + heartbeat));
        digest.add(in_flight.len());
        for canary in in_flight {
            let Canary {
                number,
                sent_at,
                came_back,
                told,
                published,
                published_before,
            } = canary;
            digest.canary(Some(*number));
            digest.due(Some(*sent_at + lease));
            digest.add((came_back, told, published));
            digest.canary(*published_before);
        }
        // The first matters only until there is a proof.
        digest.due(proof.or(*first).map(|sent_at| sent_at + lease));
    }
}
