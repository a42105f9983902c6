//! What an entry holds, and how it is written in Redis.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Nanos;

/// What a load has returned: a value, or the knowledge that there is none.
///
/// It is worth remembering that there is no value, for as long as its category says: a deleted
/// picture stays deleted, a rate limit ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded<V> {
    /// A value.
    Present(V),
    /// There is no value.
    #[non_exhaustive]
    Absent {
        /// Why there is no value. It decides [how long](super::Builder::negative_ttl) this is
        /// remembered.
        category: Arc<str>,
    },
}

impl<V> Loaded<V> {
    /// Says that there is no value, for a reason of this category.
    pub fn absent(category: impl Into<Arc<str>>) -> Self {
        Self::Absent {
            category: category.into(),
        }
    }

    /// The value, if there is one.
    #[must_use]
    pub fn present(self) -> Option<V> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent { .. } => None,
        }
    }
}

impl<V> From<V> for Loaded<V> {
    fn from(value: V) -> Self {
        Self::Present(value)
    }
}

/// An entry in memory, and on its way to a caller.
#[derive(Debug, Clone)]
pub(super) struct Cached<V> {
    pub(super) loaded: Loaded<V>,
    /// The longest it may stay in memory.
    pub(super) left: Duration,
    /// When it is due for a refresh, on the clock of the memory level.
    pub(super) refresh_at: Nanos,
}

impl<V> Cached<V> {
    /// An entry that is never refreshed ahead of expiry.
    pub(super) fn new(loaded: Loaded<V>, left: Duration) -> Self {
        Self {
            loaded,
            left,
            refresh_at: Nanos::MAX,
        }
    }
}
