//! The turn to load a key, and the right to fill it.

use std::hash::Hash;

use tokio::sync::SemaphorePermit;

use super::NotStored;
use super::engine::Engine;
use super::flight::Storing;
use crate::clock::Nanos;

/// Holds a load in the store; dropping it leaves.
pub(super) struct Hold<'a, K: Hash + Eq, V: Clone> {
    engine: &'a Engine<K, V>,
    hash: u64,
    id: u64,
    has_turn: bool,
    held: bool,
}

impl<'a, K: Hash + Eq, V: Clone> Hold<'a, K, V> {
    pub(super) fn new(engine: &'a Engine<K, V>, hash: u64, id: u64, has_turn: bool) -> Self {
        Self {
            engine,
            hash,
            id,
            has_turn,
            held: true,
        }
    }

    /// Whoever had the turn has handed it over.
    pub(super) fn take_turn(&mut self) {
        self.has_turn = true;
    }

    /// Gives the value to those who wait, and stores it if it may. It ends the hold.
    fn fill(&mut self, value: V, started: Nanos, storing: Storing) -> Result<(), NotStored> {
        let engine = self.engine;
        // The user's code, which may panic: until it is done, there is something to leave.
        let filling = engine.filling(self.hash, value, started, storing);
        self.held = false;
        engine.fill(self.hash, self.id, filling)
    }
}

impl<K: Hash + Eq, V: Clone> Drop for Hold<'_, K, V> {
    fn drop(&mut self) {
        if self.held {
            self.engine.leave(self.hash, self.id, self.has_turn);
        }
    }
}

/// The turn to load a key, which others may be waiting for. Dropping it hands the turn over.
pub(crate) struct Lead<'a, K: Hash + Eq, V: Clone> {
    /// Of those that bound how many loads there are at a time. Dropped first: the next in turn may
    /// need it.
    permit: Option<SemaphorePermit<'a>>,
    hold: Hold<'a, K, V>,
    started: Nanos,
}

impl<'a, K: Hash + Eq, V: Clone> Lead<'a, K, V> {
    pub(super) fn new(
        hold: Hold<'a, K, V>,
        permit: Option<SemaphorePermit<'a>>,
        started: Nanos,
    ) -> Self {
        Self {
            permit,
            hold,
            started,
        }
    }

    /// Stores the value, if nothing has overtaken it, and gives it to those who wait.
    pub(crate) fn finish(mut self, value: V) -> Result<(), NotStored> {
        self.hold.fill(value, self.started, Storing::Yes)
    }

    /// Gives the value to those who wait, and does not store it.
    pub(crate) fn pass(mut self, value: V) {
        let _ = self.hold.fill(value, self.started, Storing::No);
    }
}

impl<K: Hash + Eq, V: Clone> Drop for Lead<'_, K, V> {
    fn drop(&mut self) {
        self.permit = None;
        if self.hold.held {
            self.hold.engine.count_failed_load();
        }
    }
}

/// The right to fill a key that nobody waits for.
pub(crate) struct Reserved<'a, K: Hash + Eq, V: Clone> {
    hold: Hold<'a, K, V>,
    started: Nanos,
}

impl<'a, K: Hash + Eq, V: Clone> Reserved<'a, K, V> {
    pub(super) fn new(hold: Hold<'a, K, V>, started: Nanos) -> Self {
        Self { hold, started }
    }

    pub(crate) fn fill(mut self, value: V) -> Result<(), NotStored> {
        self.hold.fill(value, self.started, Storing::Yes)
    }
}
