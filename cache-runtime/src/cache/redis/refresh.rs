//! Refreshing an entry before it expires, while readers are given the old value.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::warn;

use super::entry::Cached;
use super::load::Kept;
use super::load_ahead::PendingLoad;
use super::shared::Shared;
use crate::cache::memory::Storing;
use crate::counters::count;
use crate::health::Cause;
use crate::io_thread::timeout;
use crate::transport::{Acquired, Seek};
use crate::wire::{Prose, Quoted};

/// What has become of a refresh.
pub(super) enum Refreshed<V> {
    /// The entry is not due any more.
    Fresh(Cached<V>),
    /// Another instance refreshes it.
    Elsewhere,
    /// It was loaded, and may not or could not be stored, or is due already.
    Unstored,
    /// The loader failed.
    Failed(String),
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// Refreshes an entry in the background if it is due, unless that is under way already. `load`
    /// makes its load, if the cache has a loader for refreshes.
    pub(super) fn refresh_if_due(
        self: &Arc<Self>,
        key: &str,
        cached: &Cached<V>,
        load: impl FnOnce() -> Option<PendingLoad<V>>,
    ) {
        if !self.is_due(cached) {
            return;
        }
        let Some(refreshing) = self.background.refresh(key) else {
            return;
        };
        let Some(load) = load() else {
            return;
        };
        let (shared, key) = (Arc::clone(self), key.to_owned());
        self.background.spawn(async move {
            let refreshed = shared.in_time(&key, shared.refresh(&key, load)).await;
            if let Ok(Refreshed::Fresh(_)) = refreshed {
                refreshing.finish();
            }
        });
    }

    pub(super) fn is_due(&self, cached: &Cached<V>) -> bool {
        cached.refresh_at <= self.engine.clock().now()
    }

    /// Refreshes an entry, even if it is missing.
    pub(super) async fn refresh(
        &self,
        key: &str,
        load: PendingLoad<V>,
    ) -> Result<Refreshed<V>, Cause> {
        let keys = self.keys.of(key);
        // Taken before Redis is asked: an eviction from here on keeps the new value out of memory,
        // and out of Redis.
        let reserved = self.engine.begin_load(key, self.storing());
        self.settled(key).await?;
        let asked = Instant::now();
        let Acquired::Token(token) = self.acquire(&keys, Seek::Refresh).await? else {
            // What is in memory here stays due.
            return Ok(Refreshed::Elsewhere);
        };
        let lock = self.lock(token, asked);
        let found = self.look_up(key, &keys).await?;
        let current = found.and_then(|found| self.read(key, &found));
        let (cached, kept) = if let Some(cached) = current.filter(|cached| !self.is_due(cached)) {
            // Another instance has refreshed it since it was read here.
            (cached, Kept::InRedis)
        } else {
            count(&self.counters.refreshes);
            match self.run(load).await {
                Ok(loaded) => {
                    let tag = self.tag_of(key);
                    let untouched = || reserved.is_untouched(tag.as_slice());
                    self.keep(key, &keys, loaded, Some(lock), &untouched).await
                }
                Err(error) => {
                    self.refresh_failed(key, &error);
                    return Ok(Refreshed::Failed(error));
                }
            }
        };
        let refreshed = if kept == Kept::InRedis && !self.is_due(&cached) {
            Refreshed::Fresh(cached.clone())
        } else {
            Refreshed::Unstored
        };
        if kept != Kept::Nowhere && self.storing() == Storing::Yes {
            // If it may not be stored, the entry was evicted or replaced meanwhile.
            let _ = reserved.store(cached);
        }
        Ok(refreshed)
    }

    /// Waits for a refresh, within `load_wait`. The error says why there is none, which has been logged.
    pub(super) async fn in_time(
        &self,
        key: &str,
        refresh: impl Future<Output = Result<Refreshed<V>, Cause>>,
    ) -> Result<Refreshed<V>, String> {
        match timeout(self.options.load_wait, refresh).await {
            Ok(Ok(refreshed)) => Ok(refreshed),
            Ok(Err(cause)) => {
                self.redis_failed("refreshed", &cause);
                Err(cause.to_string())
            }
            Err(_) => {
                let error = "it takes longer than `load_wait`";
                self.refresh_failed(key, error);
                Err(error.to_owned())
            }
        }
    }

    pub(super) fn refresh_failed(&self, key: &str, error: &str) {
        if let Some(skipped) = self.logs.refresh.admit() {
            warn!(
                cache = %self.name, key = %Quoted(key), error = %Prose(error), skipped,
                "an entry could not be refreshed; an old one, if there is one, is served until its TTL"
            );
        }
    }
}
