//! The tasks that load entries on schedule, so that no reader waits for them.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use equivalent::Equivalent;
use tokio::task::AbortHandle;

use super::due::Due;
use super::engine::Engine;
use super::loads::Loads;
use super::refresh::{Loaders, Refresh, Refreshed};
use crate::audit::Reloads;
use crate::cache::scheduled::{backoff, not_started, reloads};
#[cfg(feature = "testing")]
use crate::clock::Clock;
use crate::clock::Instant;
use crate::driver::Driver;
use crate::io_thread;

/// The least time from the beginning of a load to that of the next, where events evict an entry again
/// and again.
const INTERVAL: Duration = Duration::from_millis(50);

/// Starts a task for each entry that is loaded on schedule, in the runtime of the caller. They keep the
/// cache until they are ended.
pub(super) fn start<C: Loads>(
    cache: &Arc<C>,
    loaders: Loaders<C::Key, C::Value>,
) -> Vec<AbortHandle> {
    let start = |(index, loader)| {
        let task = io_thread::spawn_here(run(Arc::clone(cache), index, loader));
        if task.is_none() {
            let engine = cache.engine();
            engine.not_scheduled(&engine.options.due[index]);
        }
        Some(task?.abort_handle())
    };
    loaders.all().enumerate().filter_map(start).collect()
}

async fn run<C: Loads>(cache: Arc<C>, index: usize, loader: Arc<dyn Refresh<C::Key, C::Value>>) {
    let engine = cache.engine();
    let driver = engine.schedule_driver();
    let entry = &engine.options.due[index];
    let mut backoff = backoff();
    loop {
        cache.until_open(&driver).await;
        let (began, began_at) = (driver.now(), driver.instant());
        let earliest = began_at + INTERVAL;
        match engine.refresh(entry, &*loader, || cache.is_open()).await {
            Refreshed::Stored => {
                entry.scheduled.succeeded(began);
                backoff.reset();
                until_due(engine, entry, &driver, began_at + entry.every, earliest).await;
            }
            Refreshed::Overtaken | Refreshed::Bypassed => until(&driver, earliest).await,
            Refreshed::Failed(error) => {
                entry.scheduled.failed(error, driver.now());
                // An event does not shorten it: the source is away.
                driver.sleep(backoff.next()).await;
            }
        }
    }
}

/// Waits until an entry is due, or was evicted since the last load has stored it.
async fn until_due<K: Hash + Eq, V: Clone>(
    engine: &Engine<K, V>,
    entry: &Due<K>,
    driver: &Driver,
    due: Instant,
    earliest: Instant,
) {
    loop {
        let left = due.saturating_duration_since(driver.instant());
        // An eviction leaves a permit, even one that came before the load has ended.
        let evicted = entry.evicted.notified();
        if left.is_zero() || driver.timeout(left, evicted).await.is_err() {
            return;
        }
        let is_missing = || !engine.contains(&entry.scheduled.key);
        if is_missing() {
            until(driver, earliest).await;
            // Its first reader may have been quicker.
            if is_missing() {
                return;
            }
        }
    }
}

async fn until(driver: &Driver, time: Instant) {
    let left = time.saturating_duration_since(driver.instant());
    driver.sleep(left).await;
}

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    /// What drives the schedule: the clock of the cache, if a test moves it.
    #[cfg_attr(
        not(feature = "testing"),
        expect(clippy::unused_self, reason = "only tests choose")
    )]
    pub(super) fn schedule_driver(&self) -> Driver {
        #[cfg(feature = "testing")]
        if let Clock::Manual(clock) = self.clock() {
            return Driver::by(clock);
        }
        Driver::default()
    }

    /// Notes that there is no task for an entry, so that the audit flags it.
    fn not_scheduled(&self, entry: &Due<K>) {
        let now = self.schedule_driver().now();
        entry.scheduled.failed(not_started(), now);
    }

    /// Tells the schedule of an entry that was evicted. One that is missing for another reason, such as
    /// want of room, is not loaded again before it is due, however many events there are.
    pub(super) fn evicted<Q>(&self, key: &Q)
    where
        Q: Equivalent<K> + ?Sized,
    {
        for entry in &self.options.due {
            if key.equivalent(&entry.scheduled.key) {
                entry.evicted.notify_one();
            }
        }
    }

    /// Tells the schedule that everything was evicted.
    pub(super) fn all_evicted(&self) {
        for entry in &self.options.due {
            entry.evicted.notify_one();
        }
    }

    /// How the loads on schedule go, if there are any.
    pub(super) fn reloads(&self) -> Option<Reloads> {
        if self.options.due.is_empty() {
            return None;
        }
        let all = self.options.due.iter();
        let all = all.map(|entry| &entry.scheduled);
        reloads(all, self.show, self.schedule_driver().now())
    }
}
