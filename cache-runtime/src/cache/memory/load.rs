//! A load on its way, as a shard knows it.

use std::sync::Arc;

use super::waiters::Waiters;
use crate::clock::Nanos;

/// Whether a load may be stored and shared with readers of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storing {
    Yes,
    /// The cache is bypassed: the load serves its waiters, and nobody else.
    No,
}

impl Storing {
    /// Stores only while the cache is open.
    pub(crate) fn when(open: bool) -> Self {
        if open { Self::Yes } else { Self::No }
    }
}

/// A load on its way.
pub(super) struct Load<K, V> {
    pub(super) key: K,
    /// No other load of the shard has, or ever had, the same.
    pub(super) id: u64,
    /// The store's when the load was entered. Under another one its value may not be stored.
    pub(super) generation: u64,
    pub(super) storing: Storing,
    pub(super) entered: Nanos,
    /// Whether others may wait for it.
    pub(super) shared: bool,
    /// The caller who loads, and those who wait.
    pub(super) holders: usize,
    pub(super) waiting: Waiting<V>,
}

/// The waiters of a load, if there are any. Dropped without a value, as when an eviction takes the
/// load out of its shard, it has them begin anew.
pub(super) struct Waiting<V>(Option<Arc<Waiters<V>>>);

impl<V> Waiting<V> {
    pub(super) fn nobody() -> Self {
        Self(None)
    }

    pub(super) fn join(&mut self) -> Arc<Waiters<V>> {
        Arc::clone(self.0.get_or_insert_with(|| Arc::new(Waiters::new())))
    }

    pub(super) fn waiters(&self) -> Option<&Arc<Waiters<V>>> {
        self.0.as_ref()
    }

    /// Whoever takes them gives them the value.
    pub(super) fn take(&mut self) -> Option<Arc<Waiters<V>>> {
        self.0.take()
    }
}

impl<V> Drop for Waiting<V> {
    fn drop(&mut self) {
        if let Some(waiters) = &self.0 {
            waiters.overtake();
        }
    }
}
