//! Hooks, by which caches in Redis evict together with the publication of an event.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::health::Cause;

/// A cache that other instances share, and that an event evicts from when it is published.
pub(crate) struct Hook<E> {
    pub(crate) evict: Evict<E>,
}

/// Says what an event deletes. From this call on, no read returns what is to be deleted.
type Evict<E> = Box<dyn Fn(&E) -> Option<Box<dyn Deletion>> + Send + Sync>;

/// What an event deletes from one cache in Redis. If it is dropped before it is finished, the cache
/// deletes by itself.
pub(crate) trait Deletion: Send + Sync {
    /// The name of the cache.
    fn cache(&self) -> &Arc<str>;
    /// The bus through which the cache uses Redis.
    fn bus(&self) -> u64;
    /// The keys to delete, with their namespace.
    fn keys(&self) -> &[String];
    /// Deletes the keys now.
    fn carry_out(&self) -> BoxFuture<'_, Result<(), Cause>>;
    /// The keys were deleted, or not.
    fn finish(self: Box<Self>, result: &Result<(), Cause>);
}
