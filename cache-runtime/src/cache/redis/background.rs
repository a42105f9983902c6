//! The background tasks of a cache: bounded in number, and ended with the cache.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::driver::Driver;
use crate::io_thread;
use crate::sync::Mutex;
use tokio::time::Instant;

/// The most tasks of one cache at a time. Further tasks are not started.
const TASKS: usize = 64;

/// The most keys that are being refreshed or paused at a time. Further keys are not refreshed.
const KEYS: usize = 1024;

pub(super) struct Background {
    /// The tasks; `None` once the cache is gone.
    tasks: Mutex<Option<JoinSet<()>>>,
    /// Keys that are being refreshed, as `None`, and paused keys with the end of their pause.
    refreshing: Mutex<HashMap<String, Option<Instant>>>,
    driver: Driver,
}

/// How long an entry is not refreshed again after a refresh that failed or left it due: 1 s. It is
/// left due if nothing was stored, or for too short a time.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps a key from being refreshed twice at a time. If it is dropped before it is finished, the key
/// is paused, because otherwise every read would try again.
pub(super) struct Refreshing {
    background: Arc<Background>,
    key: String,
    finished: bool,
}

impl Refreshing {
    /// The entry is not due any more.
    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Background {
    pub(super) fn new(driver: &Driver) -> Arc<Self> {
        Arc::new(Self {
            tasks: Mutex::new(Some(JoinSet::new())),
            refreshing: Mutex::default(),
            driver: driver.clone(),
        })
    }

    /// Starts a task on the runtime of the caller, or on the thread for I/O if the caller has none.
    /// The task does not start if there are too many, or if the cache is gone. Returns whether it does.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        let mut tasks = self.tasks.lock();
        let Some(tasks) = tasks.as_mut() else {
            return false;
        };
        // Forgets tasks that have ended, to make room.
        while tasks.try_join_next().is_some() {}
        if tasks.len() < TASKS
            && let Some(runtime) = io_thread::here()
        {
            tasks.spawn_on(task, &runtime);
            return true;
        }
        false
    }

    /// What drives the bus of the cache.
    pub(super) fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Claims a key for a refresh. `None` if it is being refreshed in this process or paused, or
    /// too many keys are.
    pub(super) fn refresh(self: &Arc<Self>, key: &str) -> Option<Refreshing> {
        let mut refreshing = self.refreshing.lock();
        let now = self.driver.tokio_instant();
        if refreshing.len() >= KEYS {
            refreshing.retain(|_, until| until.is_none_or(|until| now < until));
        }
        let busy = match refreshing.get(key) {
            Some(until) => until.is_none_or(|until| now < until),
            None => refreshing.len() >= KEYS,
        };
        if busy {
            return None;
        }
        refreshing.insert(key.to_owned(), None);
        Some(Refreshing {
            background: Arc::clone(self),
            key: key.to_owned(),
            finished: false,
        })
    }

    /// Ends every task.
    pub(super) fn close(&self) {
        // Dropped after the lock is released: a task may hold something whose drop takes the lock.
        let tasks = self.tasks.lock().take();
        drop(tasks);
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        let mut refreshing = self.background.refreshing.lock();
        if self.finished {
            refreshing.remove(&self.key);
        } else if let Some(until) = refreshing.get_mut(&self.key) {
            *until = Some(self.background.driver.tokio_instant() + PAUSE);
        }
    }
}
