//! Waiting for a load that somebody else has begun.

use std::sync::OnceLock;

use tokio::sync::Semaphore;

use super::entry::Entry;

/// Whether a load may be stored and shared with readers of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storing {
    Yes,
    /// The cache is bypassed: the load serves those who wait for it, and nobody else.
    No,
}

/// Where those wait who came while one load of their key was on its way. It is made for the first
/// of them: most loads have nobody waiting.
pub(super) struct Flight<V> {
    /// The turn to load, a permit at most, which whoever loads has. Closed when there is nothing
    /// more to wait for.
    turn: Semaphore,
    landed: OnceLock<Entry<V>>,
}

/// What waiting comes to.
pub(super) enum Waited<V> {
    /// It is the caller's turn to load.
    Turn,
    Landed(Entry<V>),
    /// An eviction has overtaken the load; whoever has come before it begins anew.
    Overtaken,
}

impl<V> Flight<V> {
    /// Somebody else has the turn.
    pub(super) fn new() -> Self {
        Self {
            turn: Semaphore::const_new(0),
            landed: OnceLock::new(),
        }
    }

    /// # Cancel safety
    ///
    /// Dropped while waiting, the turn goes to the next.
    pub(super) async fn wait(&self) -> Waited<V>
    where
        V: Clone,
    {
        match self.turn.acquire().await {
            Ok(permit) => {
                permit.forget();
                Waited::Turn
            }
            Err(_closed) => match self.landed.get() {
                Some(entry) => Waited::Landed(entry.clone()),
                None => Waited::Overtaken,
            },
        }
    }

    /// Gives the turn to the next who waits.
    pub(super) fn hand_over(&self) {
        self.turn.add_permits(1);
    }

    /// Gives everybody who waits the value.
    pub(super) fn land(&self, entry: Entry<V>) {
        // Only one has the turn, so there is none yet.
        let _ = self.landed.set(entry);
        self.turn.close();
    }

    /// Has everybody who waits begin anew.
    pub(super) fn overtake(&self) {
        self.turn.close();
    }
}
