//! Waiting for a load that another caller has begun.

use std::sync::OnceLock;

use tokio::sync::Semaphore;

use super::entry::Entry;

/// The callers that wait for one load of their key. It is made when the first of them comes,
/// because most loads have no waiters.
pub(super) struct Waiters<V> {
    /// The turn to load, as a permit, which the caller that loads has taken. It is closed when
    /// there is nothing more to wait for.
    turn: Semaphore,
    loaded: OnceLock<Entry<V>>,
}

/// How waiting ends.
pub(super) enum Waited<V> {
    /// It is the caller's turn to load.
    Turn,
    Loaded(Entry<V>),
    /// An eviction has overtaken the load, and the caller begins anew.
    Overtaken,
}

impl<V> Waiters<V> {
    /// Waiters of a load whose turn another caller has.
    pub(super) fn new() -> Self {
        Self {
            turn: Semaphore::const_new(0),
            loaded: OnceLock::new(),
        }
    }

    /// Waits for the turn, the value, or an eviction.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped while it waits, the turn goes to the next waiter.
    pub(super) async fn wait(&self) -> Waited<V>
    where
        V: Clone,
    {
        match self.turn.acquire().await {
            Ok(permit) => {
                permit.forget();
                Waited::Turn
            }
            Err(_closed) => match self.loaded.get() {
                Some(entry) => Waited::Loaded(entry.clone()),
                None => Waited::Overtaken,
            },
        }
    }

    /// Gives the turn to the next waiter.
    pub(super) fn hand_over(&self) {
        self.turn.add_permits(1);
    }

    /// Gives the value to every waiter.
    pub(super) fn finish(&self, entry: Entry<V>) {
        // Only the caller with the turn sets it, once.
        let _ = self.loaded.set(entry);
        self.turn.close();
    }

    /// Makes every waiter begin anew.
    pub(super) fn overtake(&self) {
        self.turn.close();
    }
}
