//! What asks for a load: events, and callers.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use super::stats::Counters;
use crate::counters::count;

/// What subscribers, callers and the task of a snapshot share. Subscribers belong to the bus, so they
/// get no more than this.
pub(super) struct Signals {
    /// How many events have asked for a load, plus one: no load of the past covers the first state.
    changes: AtomicU64,
    /// How many callers have asked for a load.
    asked: AtomicU64,
    /// Wakes the task.
    pub(super) wake: Notify,
    pub(super) counters: Counters,
}

impl Signals {
    pub(super) fn new() -> Self {
        Self {
            changes: AtomicU64::new(1),
            asked: AtomicU64::new(0),
            wake: Notify::new(),
            counters: Counters::default(),
        }
    }

    /// What was loaded so far may be outdated.
    pub(super) fn change(&self) {
        count(&self.counters.changes);
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.wake.notify_one();
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// A caller wants a load that begins from now on. Returns the caller's number.
    pub(super) fn ask(&self) -> u64 {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.wake.notify_one();
        number
    }

    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}
