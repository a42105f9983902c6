//! What a cache outside of this process does before an event leaves.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::health::Cause;

/// Evicts from a cache that other instances share, before an event is published.
pub(crate) struct Hook<E> {
    /// The name of the cache.
    pub(crate) cache: Arc<str>,
    pub(crate) evict: Evict<E>,
}

/// Begins at once. The future tells how it ended; dropped, the eviction goes on.
type Evict<E> = Box<dyn Fn(&E) -> BoxFuture<'static, Result<(), Cause>> + Send + Sync>;
