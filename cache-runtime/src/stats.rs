//! What has happened in a channel, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has happened in a channel, on this instance, since the bus was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Events received and understood.
    pub received: u64,
    /// Messages that could not be understood.
    pub rejected: u64,
    /// Events handed to the server.
    pub published: u64,
    /// Events that could not be handed to the server.
    pub publish_failures: u64,
    /// How often handlers were told that everything may be stale: when the channel got live, when
    /// it was not for long, and because of messages that could not be understood.
    pub flushes: u64,
    /// How often a subscriber's queue was full and turned into one `All`.
    pub overflows: u64,
    /// Handlers that panicked.
    pub panics: u64,
}

/// The numbers behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) published: AtomicU64,
    pub(crate) publish_failures: AtomicU64,
    pub(crate) flushes: AtomicU64,
    pub(crate) overflows: AtomicU64,
    pub(crate) panics: AtomicU64,
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            received: read(&self.received),
            rejected: read(&self.rejected),
            published: read(&self.published),
            publish_failures: read(&self.publish_failures),
            flushes: read(&self.flushes),
            overflows: read(&self.overflows),
            panics: read(&self.panics),
        }
    }
}
