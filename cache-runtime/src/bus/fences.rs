//! Fences: messages by which a publisher learns which instances have applied its events.
//!
//! An instance that receives a fence has applied every event that was published before, because the
//! server keeps the order of what it sends on one connection. It answers on the canary channel of the
//! publisher. `settle` says who is waited for.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::warn;

use crate::clock::nanos;
use crate::health::Cause;
use crate::sync::Mutex;

/// There is no such time.
const NEVER: u64 = u64::MAX;

/// A message on the channel of fences.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Asks every instance for an acknowledgement.
    Fence {
        publisher: u64,
        number: u64,
        /// Instances that were live and did not acknowledge an earlier fence. So they have missed
        /// messages.
        unanswered: Vec<u64>,
    },
    /// The publisher is live, and could not list itself.
    Unlisted,
}

/// The answer to a fence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Acknowledgement<'a> {
    pub(super) number: u64,
    pub(super) id: u64,
    pub(super) name: &'a str,
}

/// The fences of one instance that are not answered by all yet, and what it knows of the others.
pub(super) struct Fences {
    pending: Mutex<HashMap<u64, Pending>>,
    next: AtomicU64,
    /// Since when no message can have been lost, on the clock of the bus's lease.
    proven_since: AtomicU64,
    /// When an instance last said that it is live and not listed, on the same clock.
    unlisted_at: AtomicU64,
    listed: Mutex<ListedAt>,
    /// The log says that this instance could not be listed.
    is_reported: AtomicBool,
}

/// When this instance was listed, by the server's clock in ms.
#[derive(Default)]
struct ListedAt {
    /// With the canaries that have not come back.
    canaries: BTreeMap<u64, u64>,
    /// With the latest canary that has; 0 if none has on this connection.
    proven: u64,
}

#[derive(Default)]
struct Pending {
    acknowledged: HashMap<u64, Arc<str>>,
    changed: Arc<Notify>,
}

/// A fence that is waited for. Dropping it ends that.
pub(super) struct Waiting<'a> {
    fences: &'a Fences,
    pub(super) number: u64,
    pub(super) changed: Arc<Notify>,
}

/// What the name of the canary channel of a link is made of.
#[derive(Clone, Copy)]
pub(super) struct CanaryName {
    /// Random and new with every start, so that canaries of others are not taken for its own.
    pub(super) id: u64,
    /// In a cluster, a slot of the node.
    pub(super) slot: Option<u16>,
}

/// The canary channel of an instance.
pub(super) fn canary_of(prefix: &str, id: u64) -> String {
    format!("{prefix}{id:016x}")
}

impl Message {
    pub(super) fn write(&self) -> Vec<u8> {
        match self {
            Self::Unlisted => b"unlisted".to_vec(),
            Self::Fence {
                publisher,
                number,
                unanswered,
            } => {
                let mut text = format!("fence {publisher:016x} {number}");
                for id in unanswered {
                    // Writing to a string cannot fail.
                    let _ = write!(text, " {id:016x}");
                }
                text.into_bytes()
            }
        }
    }

    /// `None` if a newer version has sent it.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(payload).ok()?.split(' ');
        match words.next()? {
            "unlisted" => Some(Self::Unlisted),
            "fence" => Some(Self::Fence {
                publisher: id(words.next()?)?,
                number: words.next()?.parse().ok()?,
                unanswered: words.map(id).collect::<Option<_>>()?,
            }),
            _ => None,
        }
    }
}

impl<'a> Acknowledgement<'a> {
    pub(super) fn write(&self) -> Vec<u8> {
        format!("ack {} {:016x} {}", self.number, self.id, self.name).into_bytes()
    }

    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let rest = std::str::from_utf8(payload).ok()?.strip_prefix("ack ")?;
        let mut words = rest.splitn(3, ' ');
        Some(Self {
            number: words.next()?.parse().ok()?,
            id: id(words.next()?)?,
            name: words.next()?,
        })
    }
}

fn id(word: &str) -> Option<u64> {
    u64::from_str_radix(word, 16).ok()
}

impl Fences {
    pub(super) fn new() -> Self {
        Self {
            pending: Mutex::default(),
            next: AtomicU64::new(1),
            proven_since: AtomicU64::new(NEVER),
            unlisted_at: AtomicU64::new(NEVER),
            listed: Mutex::default(),
            is_reported: AtomicBool::new(false),
        }
    }

    /// Begins to take acknowledgements of a new fence.
    pub(super) fn begin(&self) -> Waiting<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let pending = Pending::default();
        let changed = Arc::clone(&pending.changed);
        self.pending.lock().insert(number, pending);
        Waiting {
            fences: self,
            number,
            changed,
        }
    }

    pub(super) fn acknowledged(&self, by: &Acknowledgement<'_>) {
        if let Some(pending) = self.pending.lock().get_mut(&by.number) {
            pending.acknowledged.insert(by.id, by.name.into());
            pending.changed.notify_one();
        }
    }

    /// Wakes all that wait, because the bus is closed.
    pub(super) fn wake(&self) {
        for pending in self.pending.lock().values() {
            pending.changed.notify_one();
        }
    }

    pub(super) fn set_proven_since(&self, since: Option<Duration>) {
        let since = since.map_or(NEVER, nanos);
        self.proven_since.store(since, Ordering::Release);
    }

    /// Whether no message of this time can have been lost.
    pub(super) fn is_proven_for(&self, time: Duration, now: Duration) -> bool {
        let since = self.proven_since.load(Ordering::Acquire);
        since != NEVER && nanos(now).saturating_sub(since) >= nanos(time)
    }

    /// Whether no message can have been lost since a time.
    pub(super) fn is_proven_since(&self, time: Duration) -> bool {
        self.proven_since.load(Ordering::Acquire) <= nanos(time)
    }

    /// An instance says that it is live and not listed.
    pub(super) fn unlisted(&self, now: Duration) {
        self.unlisted_at.store(nanos(now), Ordering::Release);
    }

    /// Whether an instance has said so within this time.
    pub(super) fn is_unlisted_within(&self, time: Duration, now: Duration) -> bool {
        let at = self.unlisted_at.load(Ordering::Acquire);
        at != NEVER && nanos(now).saturating_sub(at) < nanos(time)
    }

    /// This instance was listed with a canary.
    pub(super) fn listed(&self, canary: u64, time: u64) {
        self.listed.lock().canaries.insert(canary, time);
        self.is_reported.store(false, Ordering::Relaxed);
    }

    /// A canary is complete.
    pub(super) fn came_back(&self, canary: u64) {
        let mut listed = self.listed.lock();
        let later = listed.canaries.split_off(&(canary + 1));
        if let Some(time) = listed.canaries.remove(&canary) {
            listed.proven = time;
        }
        listed.canaries = later;
    }

    /// The next connection may lead to another server, with another clock.
    pub(super) fn disconnected(&self) {
        *self.listed.lock() = ListedAt::default();
    }

    /// When this instance was listed with the latest canary that has come back, or 0.
    pub(super) fn proven(&self) -> u64 {
        self.listed.lock().proven
    }

    /// Logs that this instance could not be listed: once until it is, because it usually lacks a right.
    pub(super) fn not_listed(&self, cause: &Cause) {
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            warn!(
                %cause,
                "this instance is not in the list of instances, so confirmed publications take a \
                 lease"
            );
        }
    }
}

impl Waiting<'_> {
    /// Who has acknowledged by now.
    pub(super) fn acknowledged(&self) -> HashMap<u64, Arc<str>> {
        let pending = self.fences.pending.lock();
        let pending = pending.get(&self.number);
        pending.map_or_else(HashMap::new, |pending| pending.acknowledged.clone())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.fences.pending.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_as_they_were_written() {
        for message in [
            Message::Unlisted,
            Message::Fence {
                publisher: 7,
                number: 1,
                unanswered: vec![],
            },
            Message::Fence {
                publisher: u64::MAX,
                number: 12,
                unanswered: vec![0, 3],
            },
        ] {
            assert_eq!(Message::read(&message.write()), Some(message));
        }
        let acknowledgement = Acknowledgement {
            number: 3,
            id: 9,
            name: "bot-1",
        };
        let written = acknowledgement.write();
        assert_eq!(Acknowledgement::read(&written), Some(acknowledgement));
    }

    #[test]
    fn other_messages_are_ignored() {
        for payload in [
            &b""[..],
            b"fence",
            b"fence x 1",
            b"fence 1 1 g",
            b"\xff",
            b"fences 1 1",
        ] {
            assert_eq!(Message::read(payload), None, "{payload:?}");
        }
        for payload in [&b"7"[..], b"ack", b"ack 1 1", b"ack x 1 a", b"ack 1 g a"] {
            assert_eq!(Acknowledgement::read(payload), None, "{payload:?}");
        }
    }
}
