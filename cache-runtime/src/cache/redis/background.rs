//! What a cache does in the background: bounded, and ended with the cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Tasks of one cache at a time; what comes beyond is left out.
const TASKS: usize = 64;

/// Keys that are being refreshed or left alone at a time; beyond that none is refreshed.
const KEYS: usize = 1024;

pub(super) struct Background {
    runtime: runtime::Handle,
    /// `None` once the cache is gone.
    tasks: Mutex<Option<JoinSet<()>>>,
    /// Keys that are being refreshed, or are left alone until then.
    refreshing: Mutex<HashMap<String, Option<Instant>>>,
}

/// Keeps a key from being refreshed twice at a time.
pub(super) struct Refreshing {
    background: Arc<Background>,
    key: String,
    pause: Option<Instant>,
}

impl Refreshing {
    /// Leaves the key alone for some time.
    pub(super) fn pause(mut self, time: Duration) {
        self.pause = Some(Instant::now() + time);
    }
}

impl Background {
    pub(super) fn new(runtime: runtime::Handle) -> Arc<Self> {
        Arc::new(Self {
            runtime,
            tasks: Mutex::new(Some(JoinSet::new())),
            refreshing: Mutex::default(),
        })
    }

    /// Starts a task, unless there are too many or the cache is gone. Whether it does.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        let mut tasks = lock(&self.tasks);
        let Some(tasks) = tasks.as_mut() else {
            return false;
        };
        // Those that have ended give up their places.
        while tasks.try_join_next().is_some() {}
        let room = tasks.len() < TASKS;
        if room {
            tasks.spawn_on(task, &self.runtime);
        }
        room
    }

    /// Starts a task that ends soon by itself, whatever else there is to do.
    pub(super) fn spawn_short(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    pub(super) fn runtime(&self) -> &runtime::Handle {
        &self.runtime
    }

    /// `None` where somebody else in this process refreshes the key, it is to be left alone, or too
    /// many are.
    pub(super) fn refresh(self: &Arc<Self>, key: &str) -> Option<Refreshing> {
        let mut refreshing = lock(&self.refreshing);
        let now = Instant::now();
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
            pause: None,
        })
    }

    /// Ends every task.
    pub(super) fn close(&self) {
        // Dropped without the lock: what a task holds may use it.
        let tasks = lock(&self.tasks).take();
        drop(tasks);
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        let mut refreshing = lock(&self.background.refreshing);
        if let (Some(until), Some(pause)) = (refreshing.get_mut(&self.key), self.pause) {
            *until = Some(pause);
        } else {
            refreshing.remove(&self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
