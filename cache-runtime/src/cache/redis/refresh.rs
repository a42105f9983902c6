//! Refreshing an entry before it expires, while its readers go on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::entry::{Cached, Fetched};
use super::fetch::{Attempt, Kept};
use super::inner::Inner;
use super::lock::Taken;
use super::stats::count;
use crate::cache::memory::Storing;
use crate::health::Cause;
use crate::transport::Seek;
use crate::wire::{Prose, Quoted};

/// How long an entry is left alone after its refresh has failed, or has left it as due as it was:
/// where nothing was stored, or for too short a time.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a refresh came to nothing.
enum Failed<E> {
    Redis(Cause),
    Fetch(E),
}

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    /// Whether an entry is to be refreshed now.
    pub(super) fn is_due(&self, cached: &Cached<V>) -> bool {
        cached.refresh_at <= self.engine.clock().now()
    }

    /// Refreshes an entry in the background, unless somebody does already.
    pub(super) fn refresh<L, F, E>(self: &Arc<Self>, key: &str, loader: L)
    where
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Fetched<V>, E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let Some(refreshing) = self.background.refresh(key) else {
            return;
        };
        let (inner, key) = (Arc::clone(self), key.to_owned());
        self.background.spawn(async move {
            let fresh = inner.refresh_now(&key, loader).await;
            match &fresh {
                Ok(_) => {}
                Err(Failed::Redis(cause)) => inner.redis_failed("refreshed", cause),
                Err(Failed::Fetch(error)) => inner.refresh_failed(&key, error),
            }
            match fresh {
                Ok(true) => drop(refreshing),
                // Every read until then would only ask again.
                Ok(false) | Err(_) => refreshing.pause(PAUSE),
            }
        });
    }

    /// Whether the entry is no longer due.
    async fn refresh_now<L, F, E>(&self, key: &str, loader: L) -> Result<bool, Failed<E>>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<Fetched<V>, E>>,
    {
        let names = self.keys.of(key);
        // Before anything is asked: what is evicted from here on is not filled.
        let storing = self.storing();
        let reserved = (storing == Storing::Yes).then(|| self.engine.begin_load(key, storing));
        self.settled(key).await.map_err(Failed::Redis)?;
        let taken = self.acquire(&names, Seek::Refresh).await;
        let ticket = match taken.map_err(Failed::Redis)? {
            Taken::Ticket(ticket) => ticket,
            // Another instance is at it; what is in memory here stays due.
            Taken::Busy | Taken::Found(_) => return Ok(false),
        };
        let found = self.look_up(key, &names).await.map_err(Failed::Redis)?;
        let known = found.and_then(|found| self.read(key, &found));
        let kept = if let Some(cached) = known.filter(|cached| !self.is_due(cached)) {
            // Another instance was, since ours has read it.
            Kept {
                cached,
                in_redis: true,
                in_memory: true,
            }
        } else {
            count(&self.counters.refreshes);
            let attempt = Attempt::begin(self);
            let fetched = loader().await.map_err(Failed::Fetch)?;
            attempt.done();
            self.keep(key, &names, fetched, Some(ticket)).await
        };
        let fresh = kept.in_redis && !self.is_due(&kept.cached);
        if let Some(reserved) = reserved
            && kept.in_memory
            && self.storing() == Storing::Yes
        {
            // If it may not be stored, an event has evicted the old one.
            let _ = reserved.store(kept.cached);
        }
        Ok(fresh)
    }

    fn refresh_failed(&self, key: &str, error: &impl fmt::Display) {
        if let Some(skipped) = self.logs.refresh.admit() {
            let error = error.to_string();
            warn!(
                cache = %self.name, key = %Quoted(key), error = %Prose(&error), skipped,
                "an entry could not be refreshed; the old one is served until its TTL"
            );
        }
    }
}
