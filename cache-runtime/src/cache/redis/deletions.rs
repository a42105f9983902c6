//! The deletions in Redis that events ask for. They are queued at once and carried out by a task;
//! reads of the entries that they cover wait for them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::keys::Keys;
use crate::cache::Evict;
use crate::health::Cause;
use crate::io_thread::timeout;
use crate::keyspace::Keyspace;
use crate::sync::Mutex;
use crate::transport::EntryKeys;

/// The most keys that wait to be deleted. More keys turn into a deletion of everything.
const KEYS: usize = 1024;
/// The wait after a deletion that failed: the first, doubled with each attempt, and the longest. A
/// new deletion ends it.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The number of a deletion: they are counted from 1.
type Number = u64;

pub(super) struct Deletions {
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

/// How far the task has got.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// Everything up to this number was tried.
    tried: Number,
    /// Everything up to this number is done.
    done: Number,
    /// Why the latest attempt failed.
    cause: Option<Cause>,
}

impl Batch {
    fn add(&mut self, evict: &Evict<String>) {
        match evict {
            Evict::Key(key) => self.add_key(key),
            Evict::Keys(keys) => keys.iter().for_each(|key| self.add_key(key)),
            // Redis cannot evaluate a predicate, so everything is deleted.
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

impl Deletions {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            news: Notify::new(),
            progress: watch::Sender::default(),
        })
    }

    /// Queues a deletion. From now on, reads of the entries that it covers wait until it is done.
    pub(super) fn submit(&self, evict: &Evict<String>) -> Option<Number> {
        if matches!(evict, Evict::Nothing) {
            return None;
        }
        let mut state = self.state.lock();
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

    /// Waits until a deletion was tried. One that failed is tried again, whether or not the caller
    /// waits.
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

    /// Waits until every deletion that covers a key is done.
    ///
    /// # Errors
    ///
    /// When one has failed, or they take longer than `patience`.
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

    /// Whether a deletion that covers a key is not done yet.
    pub(super) fn covers(&self, key: &str) -> bool {
        let state = self.state.lock();
        state.queued.covers(key) || state.running.covers(key)
    }

    /// Carries out the queued deletions, until the bus is closed or the task is dropped. `record`
    /// is given the result of every attempt.
    pub(super) fn work(
        self: Arc<Self>,
        keyspace: Keyspace,
        keys: Arc<Keys>,
        record: impl Fn(&Result<(), Cause>) + Send,
    ) -> impl Future<Output = ()> + Send {
        // Made before the task runs, so that it takes effect even if the task is dropped without
        // having run.
        let end = End(self);
        async move { end.0.carry_out(&keyspace, &keys, record).await }
    }

    async fn carry_out(
        &self,
        keyspace: &Keyspace,
        keys: &Keys,
        record: impl Fn(&Result<(), Cause>) + Send,
    ) {
        let mut wait = None;
        loop {
            let news = self.news.notified();
            match wait {
                None => news.await,
                // A new deletion has come, or the wait is over: try again.
                Some(wait) => drop(timeout(wait, news).await),
            }
            let Some((number, everything, names)) = self.take(keys) else {
                wait = None;
                continue;
            };
            let result = if everything {
                keyspace.evict_all(keys.generation()).await
            } else {
                keyspace.evict(&names).await
            };
            record(&result);
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

    /// Moves the queued batch to the running one. `None` if nothing is queued.
    fn take(&self, keys: &Keys) -> Option<(Number, bool, Vec<EntryKeys>)> {
        let mut state = self.state.lock();
        if state.queued.is_empty() {
            return None;
        }
        state.running = std::mem::take(&mut state.queued);
        let names = state.running.keys.iter().map(|key| keys.of(key)).collect();
        Some((state.submitted, state.running.everything, names))
    }

    fn finish(&self, number: Number, result: Result<(), Cause>) {
        let mut state = self.state.lock();
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
}

/// Ends the waiting of all callers when the task ends, for whatever reason.
struct End(Arc<Deletions>);

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
    fn too_many_keys_turn_into_a_deletion_of_everything() {
        let deletions = Deletions::new();
        for key in 0..KEYS {
            deletions.submit(&Evict::key(key.to_string()));
        }
        assert!(deletions.covers("0") && !deletions.covers("other"));
        deletions.submit(&Evict::key("one more"));
        assert!(deletions.covers("other"));
        let (number, everything, names) = deletions.take(&keys()).unwrap();
        assert_eq!(number, KEYS as u64 + 1);
        assert!(everything && names.is_empty());
        assert!(deletions.covers("other"), "it is not done yet");
        deletions.finish(number, Ok(()));
        assert!(!deletions.covers("other"));
    }

    #[test]
    fn a_failed_deletion_is_tried_again_with_those_queued_meanwhile() {
        let deletions = Deletions::new();
        deletions.submit(&Evict::keys(["a", "b"]));
        let (number, _, names) = deletions.take(&keys()).unwrap();
        assert_eq!((number, names.len()), (1, 2));
        deletions.submit(&Evict::keys(["b", "c"]));
        deletions.finish(number, Err(Cause::Closed));
        let (number, everything, names) = deletions.take(&keys()).unwrap();
        assert_eq!((number, everything, names.len()), (2, false, 3));
        deletions.finish(number, Ok(()));
        assert!(deletions.take(&keys()).is_none());
    }

    #[test]
    fn a_deletion_of_nothing_is_not_queued() {
        let deletions = Deletions::new();
        assert_eq!(deletions.submit(&Evict::Nothing), None);
        assert_eq!(deletions.submit(&Evict::Keys(Vec::new())), None);
        assert!(deletions.take(&keys()).is_none());
    }

    #[tokio::test]
    async fn no_caller_waits_for_a_task_that_has_ended() {
        let deletions = Deletions::new();
        let number = deletions.submit(&Evict::key("a")).unwrap();
        drop(End(Arc::clone(&deletions)));
        assert_eq!(deletions.tried(number).await, Err(Cause::Closed));
        let patience = Duration::from_secs(3600);
        assert_eq!(deletions.settled("a", patience).await, Err(Cause::Closed));
        assert_eq!(deletions.settled("b", patience).await, Ok(()));
    }
}
