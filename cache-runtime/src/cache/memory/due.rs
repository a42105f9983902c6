//! An entry that is loaded on schedule, as its engine knows it.

use std::time::Duration;

use tokio::sync::Notify;

use crate::cache::scheduled::Scheduled;

pub(super) struct Due<K> {
    pub(super) scheduled: Scheduled<K>,
    /// The time from the beginning of a load to that of the next.
    pub(super) every: Duration,
    /// Told when the entry was evicted, but not for want of room.
    pub(super) evicted: Notify,
}

impl<K> Due<K> {
    pub(super) fn new(key: K, every: Duration) -> Self {
        Self {
            scheduled: Scheduled::new(key),
            every,
            evicted: Notify::new(),
        }
    }
}
