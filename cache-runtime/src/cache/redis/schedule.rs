//! Refreshing entries that nobody reads, so that no reader waits for them.

use std::sync::Arc;
use std::time::Duration;

use super::entry::Cached;
use super::refresh::Refreshed;
use super::scheduled_refresh::ScheduledRefresh;
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::cache::caught::Caught;
use crate::cache::scheduled::{PANICKED, WAIT, backoff, not_started};
use crate::health::Cause;

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// Keeps the scheduled entries fresh, until the cache ends.
    pub(super) fn start_schedule(self: &Arc<Self>) {
        for index in 0..self.options.scheduled.len() {
            let shared = Arc::clone(self);
            let started = self.background.spawn(async move {
                let scheduled = &shared.options.scheduled[index];
                let mut backoff = backoff();
                loop {
                    let wait = shared.keep_fresh(scheduled, &mut backoff).await;
                    shared.background.driver().sleep(wait).await;
                }
            });
            if !started {
                let entry = &self.options.scheduled[index].entry;
                entry.failed(not_started(), self.background.driver().now());
            }
        }
    }

    /// Refreshes an entry if it is due or missing; returns when to look again.
    async fn keep_fresh(&self, scheduled: &ScheduledRefresh<V>, backoff: &mut Backoff) -> Duration {
        let key = &scheduled.entry.key;
        // A read that finds the entry due does not refresh it at the same time.
        let Some(refreshing) = self.background.refresh(key) else {
            return WAIT.0;
        };
        let refresh = self.in_time(key, self.refresh_if_needed(scheduled));
        let error = match Caught::new(Box::pin(refresh)).await {
            Some(Ok(Refreshed::Fresh(cached))) => {
                refreshing.finish();
                scheduled.entry.succeeded(self.background.driver().now());
                backoff.reset();
                return self.until_due(&cached);
            }
            Some(Ok(Refreshed::Elsewhere)) => return WAIT.0,
            Some(Ok(Refreshed::Unstored)) => "what was loaded could not be stored".to_owned(),
            Some(Ok(Refreshed::Failed(error)) | Err(error)) => error,
            None => {
                self.refresh_failed(key, PANICKED);
                PANICKED.to_owned()
            }
        };
        scheduled
            .entry
            .failed(error, self.background.driver().now());
        backoff.next()
    }

    async fn refresh_if_needed(
        &self,
        scheduled: &ScheduledRefresh<V>,
    ) -> Result<Refreshed<V>, Cause> {
        let key = &scheduled.entry.key;
        if self.trusts_redis() {
            let found = self.look_up(key, &self.keys.of(key)).await?;
            let found = found.and_then(|found| self.read(key, &found));
            if let Some(cached) = found.filter(|cached| !self.is_due(cached)) {
                return Ok(Refreshed::Fresh(cached));
            }
        }
        self.refresh(key, (scheduled.load)()).await
    }

    /// How long until the entry is due. It is looked at once a minute, because it may be evicted.
    fn until_due(&self, cached: &Cached<V>) -> Duration {
        let now = self.engine.clock().now();
        let due = Duration::from_nanos(cached.refresh_at.saturating_sub(now));
        due.min(cached.left)
            .min(WAIT.1)
            .max(Duration::from_millis(10))
    }
}
