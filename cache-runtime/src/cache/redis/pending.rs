//! Deletions in Redis that events ask for: queued at once, carried out by a task, and waited for by
//! whoever reads what they cover.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::keys::Keys;
use crate::cache::Evict;
use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::transport::EntryKeys;

/// Keys that wait to be deleted; more than this turn into everything.
const KEYS: usize = 1024;
/// Wait after a deletion that failed: the first, doubled with each attempt, and the longest. What is
/// new is tried at once.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Numbers what is submitted, from 1.
type Number = u64;

pub(super) struct Pending {
    state: Mutex<State>,
    news: Notify,
    progress: watch::Sender<Progress>,
}

#[derive(Default)]
struct State {
    queued: Batch,
    running: Batch,
    submitted: Number,
}

#[derive(Default)]
struct Batch {
    keys: HashSet<Box<str>>,
    everything: bool,
}

/// How far the task has come.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// Up to here it was tried.
    tried: Number,
    /// Up to here it is done.
    done: Number,
    /// Why what was tried is not done.
    cause: Option<Cause>,
}

impl Batch {
    fn add(&mut self, evict: &Evict<String>) {
        match evict {
            Evict::Key(key) => self.add_key(key),
            Evict::Keys(keys) => keys.iter().for_each(|key| self.add_key(key)),
            // Redis cannot ask a predicate.
            Evict::Matching(_) | Evict::All => self.everything = true,
            Evict::Nothing => {}
        }
        self.settle();
    }

    fn add_key(&mut self, key: &str) {
        if !self.everything && self.keys.len() <= KEYS && !self.keys.contains(key) {
            self.keys.insert(key.into());
        }
    }

    fn settle(&mut self) {
        self.everything |= self.keys.len() > KEYS;
        if self.everything {
            self.keys = HashSet::new();
        }
    }

    fn covers(&self, key: &str) -> bool {
        self.everything || self.keys.contains(key)
    }

    fn is_empty(&self) -> bool {
        !self.everything && self.keys.is_empty()
    }
}

impl Pending {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            news: Notify::new(),
            progress: watch::Sender::default(),
        })
    }

    /// Queues a deletion. From now on nobody reads what it covers before it is done.
    pub(super) fn submit(&self, evict: &Evict<String>) -> Option<Number> {
        if matches!(evict, Evict::Nothing) {
            return None;
        }
        let mut state = self.lock();
        state.queued.add(evict);
        if state.queued.is_empty() {
            return None;
        }
        state.submitted += 1;
        let number = state.submitted;
        drop(state);
        self.news.notify_one();
        Some(number)
    }

    /// Waits until a deletion is done, or was tried in vain. It is tried again in any case.
    pub(super) async fn tried(&self, number: Number) -> Result<(), Cause> {
        let mut progress = self.progress.subscribe();
        // The sender is held by `self`, so waiting cannot fail.
        let Ok(progress) = progress.wait_for(|progress| progress.tried >= number).await else {
            return Err(Cause::Closed);
        };
        if progress.done >= number {
            return Ok(());
        }
        Err(progress.cause.clone().unwrap_or(Cause::Closed))
    }

    /// Waits until nothing that covers a key is to be deleted.
    ///
    /// # Errors
    ///
    /// When that was tried in vain, or takes longer than `patience`.
    pub(super) async fn settled(&self, key: &str, patience: Duration) -> Result<(), Cause> {
        if !self.covers(key) {
            return Ok(());
        }
        let mut progress = self.progress.subscribe();
        let settled = async {
            loop {
                let cause = progress.borrow_and_update().cause.clone();
                if !self.covers(key) {
                    return Ok(());
                }
                if let Some(cause) = cause {
                    return Err(cause);
                }
                // The sender is held by `self`, so waiting cannot fail.
                if progress.changed().await.is_err() {
                    return Err(Cause::Closed);
                }
            }
        };
        timeout(patience, settled).await.unwrap_or_else(|_| {
            let what = "deletions that events have asked for are not done yet";
            Err(Cause::Timeout(what.into()))
        })
    }

    /// Whether something that covers a key is still to be deleted.
    pub(super) fn covers(&self, key: &str) -> bool {
        let state = self.lock();
        state.queued.covers(key) || state.running.covers(key)
    }

    /// Carries out what is queued, until the bus is closed or the task is dropped.
    pub(super) fn work(
        self: Arc<Self>,
        kv: Keyspace,
        keys: Arc<Keys>,
        heard: impl Fn(&Result<(), Cause>) + Send,
    ) -> impl Future<Output = ()> + Send {
        // Before the task runs: it may be dropped without ever having run.
        let end = End(self);
        async move { end.0.carry_out(&kv, &keys, heard).await }
    }

    async fn carry_out(
        &self,
        kv: &Keyspace,
        keys: &Keys,
        heard: impl Fn(&Result<(), Cause>) + Send,
    ) {
        let mut wait = None;
        loop {
            let news = self.news.notified();
            match wait {
                None => news.await,
                // In vain or not, it is time to try again.
                Some(wait) => drop(timeout(wait, news).await),
            }
            let Some((number, everything, names)) = self.take(keys) else {
                wait = None;
                continue;
            };
            let result = if everything {
                kv.evict_all(keys.generation()).await
            } else {
                kv.evict(&names).await
            };
            heard(&result);
            wait = result.is_err().then(|| {
                let next = wait.map_or(BACKOFF.0, |wait: Duration| wait * 2);
                next.min(BACKOFF.1)
            });
            let closed = matches!(result, Err(Cause::Closed));
            self.finish(number, result);
            if closed {
                return;
            }
        }
    }

    /// Moves what is queued to what is running. `None` if there is nothing.
    fn take(&self, keys: &Keys) -> Option<(Number, bool, Vec<EntryKeys>)> {
        let mut state = self.lock();
        if state.queued.is_empty() {
            return None;
        }
        state.running = std::mem::take(&mut state.queued);
        let names = state.running.keys.iter().map(|key| keys.of(key)).collect();
        Some((state.submitted, state.running.everything, names))
    }

    fn finish(&self, number: Number, result: Result<(), Cause>) {
        let mut state = self.lock();
        let ran = std::mem::take(&mut state.running);
        if result.is_err() {
            let queued = &mut state.queued;
            queued.everything |= ran.everything;
            queued.keys.extend(ran.keys);
            queued.settle();
        }
        drop(state);
        self.progress.send_modify(|progress| {
            progress.tried = number;
            match result {
                Ok(()) => (progress.done, progress.cause) = (number, None),
                Err(cause) => progress.cause = Some(cause),
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whatever ends the task, nobody may wait for it for ever.
struct End(Arc<Pending>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.progress.send_modify(|progress| {
            progress.tried = Number::MAX;
            progress.cause = Some(Cause::Closed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(&"cache".into(), true)
    }

    #[test]
    fn too_many_keys_turn_into_everything() {
        let pending = Pending::new();
        for key in 0..KEYS {
            pending.submit(&Evict::key(key.to_string()));
        }
        assert!(pending.covers("0") && !pending.covers("other"));
        pending.submit(&Evict::key("one more"));
        assert!(pending.covers("other"));
        let (number, everything, names) = pending.take(&keys()).unwrap();
        assert_eq!(number, KEYS as u64 + 1);
        assert!(everything && names.is_empty());
        assert!(pending.covers("other"), "it is not done yet");
        pending.finish(number, Ok(()));
        assert!(!pending.covers("other"));
    }

    #[test]
    fn what_failed_is_tried_again_with_what_has_come_meanwhile() {
        let pending = Pending::new();
        pending.submit(&Evict::keys(["a", "b"]));
        let (number, _, names) = pending.take(&keys()).unwrap();
        assert_eq!((number, names.len()), (1, 2));
        pending.submit(&Evict::keys(["b", "c"]));
        pending.finish(number, Err(Cause::Closed));
        let (number, everything, names) = pending.take(&keys()).unwrap();
        assert_eq!((number, everything, names.len()), (2, false, 3));
        pending.finish(number, Ok(()));
        assert!(pending.take(&keys()).is_none());
    }

    #[test]
    fn what_evicts_nothing_is_not_queued() {
        let pending = Pending::new();
        assert_eq!(pending.submit(&Evict::Nothing), None);
        assert_eq!(pending.submit(&Evict::Keys(Vec::new())), None);
        assert!(pending.take(&keys()).is_none());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_task_that_has_ended() {
        let pending = Pending::new();
        let number = pending.submit(&Evict::key("a")).unwrap();
        drop(End(Arc::clone(&pending)));
        assert_eq!(pending.tried(number).await, Err(Cause::Closed));
        let patience = Duration::from_secs(3600);
        assert_eq!(pending.settled("a", patience).await, Err(Cause::Closed));
        assert_eq!(pending.settled("b", patience).await, Ok(()));
    }
}
