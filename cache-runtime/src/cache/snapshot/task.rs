//! The task of a snapshot: when the next load is due.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::load::Began;
use super::policy::WhileDown;
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::clock::Instant;
use crate::log_throttle::LogThrottle;
use crate::wire::Prose;

/// Loads when it is due, one load at a time, until it is dropped.
pub(super) struct Task<T> {
    shared: Arc<Shared<T>>,
    /// The least time from the beginning of a load to that of the next.
    interval: Duration,
    backoff: Backoff,
    /// The latest load.
    began: Began,
    /// When a load that has failed is tried again.
    retry: Option<Instant>,
    failures: LogThrottle,
}

impl<T: Send + Sync + 'static> Task<T> {
    pub(super) fn new(
        shared: &Arc<Shared<T>>,
        interval: Duration,
        backoff: Backoff,
        began: Began,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            interval,
            backoff,
            began,
            retry: None,
            failures: LogThrottle::default(),
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.until_due().await;
            let attempt = self.shared.loader.attempt().await;
            self.began = attempt.began;
            if let Err(error) = &attempt.result
                && let Some(skipped) = self.failures.admit()
            {
                warn!(
                    cache = error.cache(), error = %Prose(&format!("{error:#}")), skipped,
                    "a snapshot could not be loaded; its last value stays, and it is tried again"
                );
            }
            self.retry = if self.shared.take(attempt) {
                self.backoff.reset();
                None
            } else {
                let now = self.shared.loader.driver.instant();
                Some(now + self.backoff.next())
            };
        }
    }

    /// Waits until the next load is due.
    async fn until_due(&self) {
        loop {
            // A signal that comes after this was computed leaves a permit in `wake`.
            let due = self.due();
            let driver = &self.shared.loader.driver;
            let left = due.map(|due| due.saturating_duration_since(driver.instant()));
            if left == Some(Duration::ZERO) {
                return;
            }
            // Not every end of a proof wakes the task.
            let look = match self.shared.policy {
                WhileDown::Poll(time) => Some(time),
                WhileDown::Keep => None,
            };
            let woken = self.shared.loader.signals.wake.notified();
            match left.into_iter().chain(look).min() {
                Some(time) => drop(driver.timeout(time, woken).await),
                None => woken.await,
            }
        }
    }

    /// When the next load is due, as far as it is known.
    fn due(&self) -> Option<Instant> {
        let Self { shared, began, .. } = self;
        let signals = &shared.loader.signals;
        let earliest = began.at + self.interval;
        // A caller that waits does not wait for a retry.
        let asked = (signals.asked() != began.asked).then_some(earliest);
        if let Some(retry) = self.retry {
            return Some(asked.unwrap_or(retry.max(earliest)));
        }
        let changed = (signals.changes() != began.covers).then_some(earliest);
        let every = |time: Duration| began.at + time.max(self.interval);
        let polled = shared.poll.map(every);
        let down = match shared.policy {
            WhileDown::Poll(time) if !shared.is_proven() => Some(every(time)),
            WhileDown::Poll(_) | WhileDown::Keep => None,
        };
        [asked, changed, polled, down].into_iter().flatten().min()
    }
}

/// The runtime of the task may end before the snapshot does.
impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        let settled = &self.shared.settled;
        settled.send_modify(|settled| settled.ended = true);
    }
}
