//! Hooks, by which caches in Redis evict before an event is published.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::health::Cause;

/// Evicts from a cache that other instances share, before an event is published.
pub(crate) struct Hook<E> {
    /// The name of the cache.
    pub(crate) cache: Arc<str>,
    pub(crate) evict: Evict<E>,
}

/// Starts the eviction when called. The future returns its result; dropping it does not stop the
/// eviction.
type Evict<E> = Box<dyn Fn(&E) -> Evicting + Send + Sync>;

/// An eviction under way.
pub(crate) type Evicting = BoxFuture<'static, Result<(), Cause>>;
