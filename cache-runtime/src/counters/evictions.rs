//! Why entries have left the memory of a cache, in numbers.

use std::ops::AddAssign;

/// Why an entry leaves the memory of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Capacity,
    Expired,
    Event,
    Flush,
    Removed,
    Replaced,
}

/// How many entries have left the memory of a cache, by cause. Each counts once.
///
/// An entry that has expired counts as expired, whatever takes it out; only where everything is
/// evicted at once is that not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Evictions {
    /// The cache was full.
    pub capacity: u64,
    /// The TTL was over. Such entries leave when their part of the cache is swept, or when another
    /// value is stored under their key.
    pub expired: u64,
    /// An event that was published here or received.
    pub event: u64,
    /// Events may have been lost, or a message was rejected, so everything was evicted.
    pub flush: u64,
    /// A call such as `remove`, `retain` or `clear` took them out, or an `insert` whose new value
    /// could not be stored.
    pub removed: u64,
    /// A new value was stored under their key.
    pub replaced: u64,
}

impl Evictions {
    /// All of them: as many as have been stored and are not in memory any more.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_cause().iter().map(|(_, entries)| entries).sum()
    }

    /// The causes that there were, in words for people, each with its entries.
    pub(crate) fn in_words(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let causes = [
            ("for want of room", self.capacity),
            ("expired", self.expired),
            ("by events", self.event),
            ("flushed", self.flush),
            ("removed", self.removed),
            ("replaced", self.replaced),
        ];
        causes.into_iter().filter(|(_, entries)| *entries > 0)
    }

    /// Each cause in one word, with its entries.
    pub(crate) fn by_cause(&self) -> [(&'static str, u64); 6] {
        let Self {
            capacity,
            expired,
            event,
            flush,
            removed,
            replaced,
        } = *self;
        [
            ("capacity", capacity),
            ("expired", expired),
            ("event", event),
            ("flush", flush),
            ("removed", removed),
            ("replaced", replaced),
        ]
    }

    pub(crate) fn add(&mut self, cause: Cause, entries: u64) {
        let of = match cause {
            Cause::Capacity => &mut self.capacity,
            Cause::Expired => &mut self.expired,
            Cause::Event => &mut self.event,
            Cause::Flush => &mut self.flush,
            Cause::Removed => &mut self.removed,
            Cause::Replaced => &mut self.replaced,
        };
        *of += entries;
    }
}

impl AddAssign for Evictions {
    fn add_assign(&mut self, other: Self) {
        self.capacity += other.capacity;
        self.expired += other.expired;
        self.event += other.event;
        self.flush += other.flush;
        self.removed += other.removed;
        self.replaced += other.replaced;
    }
}
