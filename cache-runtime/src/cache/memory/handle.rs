//! What the handles of a cache hold beside it, because tasks hold the cache too.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::loads::Loads;
use super::refresh::Loaders;
use super::schedule::start;
use crate::audit::{Audited, Described};

/// What clones share. Dropping it ends the tasks, closes the cache, and takes it from the list of
/// audits.
///
/// The cache itself is dropped later: with the last of its tasks, which may not be polled soon.
pub(crate) struct Handle<C> {
    cache: Arc<C>,
    close: fn(&C),
    tasks: Vec<AbortHandle>,
}

impl<C: Loads> Handle<C> {
    /// Starts the loads on schedule. `close` ends the subscriptions.
    pub(crate) fn start(
        cache: &Arc<C>,
        loaders: Loaders<C::Key, C::Value>,
        close: fn(&C),
    ) -> Arc<Self> {
        Arc::new(Self {
            cache: Arc::clone(cache),
            close,
            tasks: start(cache, loaders),
        })
    }
}

impl<C> Drop for Handle<C> {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        (self.close)(&self.cache);
    }
}

impl<C: Audited> Audited for Handle<C> {
    fn describe(&self) -> Described {
        self.cache.describe()
    }

    #[cfg(any(feature = "metrics", feature = "otel"))]
    fn measure(&self, samples: &mut crate::telemetry::Samples) {
        self.cache.measure(samples);
    }
}
