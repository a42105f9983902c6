//! What the clones of a cache hold.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::load_ahead::{LoadAhead, PendingLoad};
use super::shared::Shared;

/// What clones share. Dropping it ends the subscriptions and all background tasks.
pub(super) struct Handle<V, K: ?Sized> {
    pub(super) shared: Arc<Shared<V>>,
    /// Loads entries ahead of their expiry.
    pub(super) load_ahead: Option<LoadAhead<V, K>>,
    /// Carries out the deletions that events ask for.
    pub(super) _worker: Option<AbortOnDropHandle<()>>,
}

impl<V, K: ?Sized> Drop for Handle<V, K> {
    fn drop(&mut self) {
        // Unsubscribed before the worker ends: no event may ask for a deletion that is not carried
        // out.
        self.shared.unsubscribe();
        self.shared.background.close();
    }
}

impl<V, K: ?Sized> Handle<V, K> {
    /// The load of an entry ahead of its expiry, if there is a loader for that.
    pub(super) fn load_ahead(&self, key: &K) -> Option<PendingLoad<V>> {
        self.load_ahead.as_ref().map(|load| load(key))
    }
}
