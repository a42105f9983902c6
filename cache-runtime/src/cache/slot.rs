//! Loads on their way, as a shard knows them.

use std::sync::Arc;

use super::flight::{Flight, Storing};
use crate::clock::Nanos;

/// A load on its way.
pub(super) struct Slot<K, V> {
    pub(super) key: K,
    /// No other slot of the shard has, or ever had, the same.
    pub(super) id: u64,
    /// The store's when it was entered: of another one nothing may be stored.
    pub(super) generation: u64,
    pub(super) storing: Storing,
    pub(super) entered: Nanos,
    /// Whether others may wait for it.
    pub(super) shared: bool,
    /// Whoever loads, and those who wait.
    pub(super) holders: usize,
    pub(super) waiting: Waiting<V>,
}

/// Where those wait who came later than whoever loads; nowhere, until there is somebody. Dropped
/// without a value, as when an eviction takes the slot out, it has them begin anew.
pub(super) struct Waiting<V>(Option<Arc<Flight<V>>>);

impl<V> Waiting<V> {
    pub(super) fn nobody() -> Self {
        Self(None)
    }

    pub(super) fn join(&mut self) -> Arc<Flight<V>> {
        Arc::clone(self.0.get_or_insert_with(|| Arc::new(Flight::new())))
    }

    pub(super) fn flight(&self) -> Option<&Arc<Flight<V>>> {
        self.0.as_ref()
    }

    /// Whoever takes it gives them the value.
    pub(super) fn take(&mut self) -> Option<Arc<Flight<V>>> {
        self.0.take()
    }
}

impl<V> Drop for Waiting<V> {
    fn drop(&mut self) {
        if let Some(flight) = &self.0 {
            flight.overtake();
        }
    }
}
