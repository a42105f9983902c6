//! Waiting for a load that another caller has begun.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;

use super::entry::Entry;

/// The callers that wait for one load of their key. It is made when the first of them comes,
/// because most loads have no waiters.
pub(super) struct Waiters<V> {
    /// The turn to load, as a permit, which the caller that loads has taken. It is closed when
    /// there is nothing more to wait for.
    turn: Semaphore,
    ended: OnceLock<Ended<V>>,
}

/// The error of a load. Callers of one key may have loaders with errors of different types.
pub(crate) type Failure = Arc<dyn Any + Send + Sync>;

/// How a load ends.
#[derive(Clone)]
pub(super) enum Ended<V> {
    Loaded(Entry<V>),
    Failed(Failure),
}

/// How waiting ends.
pub(super) enum Waited<V> {
    /// It is the caller's turn to load.
    Turn,
    Ended(Ended<V>),
    /// The load was given up, and the caller begins anew.
    GivenUp,
}

impl<V> Waiters<V> {
    /// Waiters of a load whose turn another caller has.
    pub(super) fn new() -> Self {
        Self {
            turn: Semaphore::const_new(0),
            ended: OnceLock::new(),
        }
    }

    /// Waits for the turn, or the end of the load.
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
            Err(_closed) => match self.ended.get() {
                Some(ended) => Waited::Ended(ended.clone()),
                None => Waited::GivenUp,
            },
        }
    }

    /// Gives the turn to the next waiter.
    pub(super) fn hand_over(&self) {
        self.turn.add_permits(1);
    }

    /// Gives the value, or the error, to every waiter.
    pub(super) fn end(&self, ended: Ended<V>) {
        // Only the caller with the turn sets it, once.
        let _ = self.ended.set(ended);
        self.turn.close();
    }

    /// Makes every waiter begin anew.
    pub(super) fn give_up(&self) {
        self.turn.close();
    }
}
