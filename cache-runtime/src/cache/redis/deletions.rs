//! The deletions in Redis that events ask for. A publisher carries them out together with the
//! publication; a task carries out all others. Reads of the entries that they cover wait for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::batch::{Batch, Of};
use super::keys::Keys;
use crate::cache::Evict;
use crate::clock::Instant;
use crate::health::Cause;
use crate::io_thread::timeout;
use crate::keyspace::Keyspace;
use crate::sync::Mutex;

/// How long a read waits for a publisher to delete, before the task does.
const PUBLISHER: Duration = Duration::from_millis(100);
/// The wait after a deletion that failed: the first, doubled with each attempt, and the longest. A
/// new deletion ends it.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

pub(super) struct Deletions {
    /// Whether entries are in groups, which are their tags.
    grouped: bool,
    /// How long at least it is known what publishers have deleted.
    recall: Duration,
    state: Mutex<State>,
    news: Notify,
    /// Why the latest attempt failed. Marked as changed after every attempt.
    failure: watch::Sender<Option<Cause>>,
}

#[derive(Default)]
struct State {
    /// For the task.
    queued: Batch,
    /// The task carries it out.
    running: Batch,
    /// Publishers carry them out; by number.
    published: HashMap<u64, Batch>,
    numbers: u64,
    /// What publishers have deleted of late: since `turned`, and in the time before.
    recent: [Batch; 2],
    turned: Option<Instant>,
}

impl Deletions {
    /// What publishers have deleted is known for at least `recall`.
    pub(super) fn new(recall: Duration, grouped: bool) -> Arc<Self> {
        Arc::new(Self {
            grouped,
            recall,
            state: Mutex::default(),
            news: Notify::new(),
            failure: watch::Sender::default(),
        })
    }

    /// Queues a deletion for the task. From now on, reads of the entries that it covers wait until it
    /// is done.
    pub(super) fn submit(&self, evict: &Evict<String>) {
        let mut state = self.state.lock();
        state.queued.add(evict, self.grouped);
        drop(state);
        self.news.notify_one();
    }

    /// A deletion for the caller, and what `look` finds in it. From now on, reads of the entries that
    /// it covers wait until it is done. `None` if there is nothing to delete.
    pub(super) fn begin<T>(
        self: &Arc<Self>,
        evict: &Evict<String>,
        look: impl FnOnce(&Batch) -> T,
    ) -> Option<(Begun, T)> {
        let mut batch = Batch::default();
        batch.add(evict, self.grouped);
        if batch.is_empty() {
            return None;
        }
        let found = look(&batch);
        let mut state = self.state.lock();
        state.numbers += 1;
        let number = state.numbers;
        state.published.insert(number, batch);
        drop(state);
        let begun = Begun {
            deletions: Arc::clone(self),
            number,
        };
        Some((begun, found))
    }

    /// Waits until every deletion that covers an entry is done.
    ///
    /// # Errors
    ///
    /// When one has failed, or they take longer than `patience`.
    pub(super) async fn settled(&self, entry: Of<'_>, patience: Duration) -> Result<(), Cause> {
        if !self.covers(entry) {
            return Ok(());
        }
        let mut failure = self.failure.subscribe();
        let settled = async {
            let mut took_over = false;
            loop {
                let cause = failure.borrow_and_update().clone();
                if !self.covers(entry) {
                    return Ok(());
                }
                if let Some(cause) = cause {
                    return Err(cause);
                }
                // The sender is held by `self`, so waiting cannot fail.
                let changed = failure.changed();
                if took_over {
                    drop(changed.await);
                } else if timeout(PUBLISHER.min(patience / 2), changed).await.is_err() {
                    took_over = true;
                    self.take_over(entry);
                }
            }
        };
        timeout(patience, settled).await.unwrap_or_else(|_| {
            let what = "deletions that events have asked for are not done yet";
            Err(Cause::Timeout(what.into()))
        })
    }

    /// A publisher has deleted a batch.
    fn remember(&self, number: u64) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let Some(batch) = state.published.remove(&number) else {
            return;
        };
        if state
            .turned
            .is_none_or(|turned| now - turned >= self.recall)
        {
            state.turned = Some(now);
            let [recent, before] = &mut state.recent;
            *before = std::mem::take(recent);
        }
        state.recent[0].join(&batch);
    }

    /// Gives the task again what publishers have deleted of late: they may have been connected to
    /// another server than this cache.
    pub(super) fn repeat(&self) {
        let mut state = self.state.lock();
        let State { queued, recent, .. } = &mut *state;
        for batch in recent.iter() {
            queued.join(batch);
        }
        drop(state);
        self.news.notify_one();
    }

    /// Gives the task what publishers should delete and have not. Whoever drives a publication may
    /// itself wait for the entry.
    fn take_over(&self, entry: Of<'_>) {
        let mut state = self.state.lock();
        let State {
            queued, published, ..
        } = &mut *state;
        published.retain(|_, batch| {
            let late = batch.covers(entry);
            if late {
                queued.join(batch);
            }
            !late
        });
        drop(state);
        self.news.notify_one();
    }

    /// Whether a deletion that covers an entry is not done yet.
    pub(super) fn covers(&self, entry: Of<'_>) -> bool {
        let state = self.state.lock();
        let mut published = state.published.values();
        state.queued.covers(entry)
            || state.running.covers(entry)
            || published.any(|batch| batch.covers(entry))
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
            let Some(delete) = self.take(|batch| batch.in_redis(keys)) else {
                wait = None;
                continue;
            };
            let result = keys.evict(keyspace, &delete).await;
            record(&result);
            wait = result.is_err().then(|| {
                let next = wait.map_or(BACKOFF.0, |wait: Duration| wait * 2);
                next.min(BACKOFF.1)
            });
            let closed = matches!(result, Err(Cause::Closed));
            self.finish(result);
            if closed {
                return;
            }
        }
    }

    /// Moves the queued batch to the running one. `None` if nothing is queued.
    fn take<T>(&self, look: impl FnOnce(&Batch) -> T) -> Option<T> {
        let mut state = self.state.lock();
        if state.queued.is_empty() {
            return None;
        }
        state.running = std::mem::take(&mut state.queued);
        Some(look(&state.running))
    }

    fn finish(&self, result: Result<(), Cause>) {
        let mut state = self.state.lock();
        let ran = std::mem::take(&mut state.running);
        if result.is_err() {
            state.queued.join(&ran);
        }
        drop(state);
        self.failure.send_replace(result.err());
    }
}

/// A deletion that its caller carries out. If it is dropped, the task does.
pub(super) struct Begun {
    deletions: Arc<Deletions>,
    number: u64,
}

impl Begun {
    /// It was carried out. If that failed, the task carries it out again.
    pub(super) fn finish(self, result: &Result<(), Cause>) {
        match result {
            Ok(()) => {
                self.deletions.remember(self.number);
                // The failures of others stay as they are.
                self.deletions.failure.send_modify(|_| ());
            }
            Err(cause) => self.give_back(Some(cause)),
        }
    }

    /// Gives the deletion to the task, unless that has taken it over. Its `failure` is told under the
    /// lock, so that the task's later success is told after it.
    fn give_back(&self, failure: Option<&Cause>) {
        let deletions = &self.deletions;
        let mut state = deletions.state.lock();
        let Some(batch) = state.published.remove(&self.number) else {
            return;
        };
        state.queued.join(&batch);
        if failure.is_some() {
            deletions.failure.send_replace(failure.cloned());
        }
        drop(state);
        deletions.news.notify_one();
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.give_back(None);
    }
}

/// Ends the waiting of all callers when the task ends, for whatever reason.
struct End(Arc<Deletions>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.failure.send_replace(Some(Cause::Closed));
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::{KEY_BYTES, OVERHEAD};
    use super::*;

    /// Takes the queued batch: whether it is everything, and the number of its keys.
    fn take(deletions: &Deletions) -> Option<(bool, usize)> {
        deletions.take(|batch| (batch.is_everything(), batch.len()))
    }

    #[test]
    fn too_many_keys_turn_into_a_deletion_of_everything() {
        let deletions = Deletions::new(Duration::ZERO, false);
        let keys = KEY_BYTES / 1024;
        let width = 1024 - OVERHEAD;
        let long = |number: usize| format!("{number:width$}");
        deletions.submit(&Evict::keys((0..keys).map(long)));
        assert!(deletions.covers((&*long(0)).into()) && !deletions.covers("other".into()));
        deletions.submit(&Evict::keys((0..keys).map(long)));
        assert!(!deletions.covers("other".into()), "each counts once");
        deletions.submit(&Evict::key("one more"));
        assert!(deletions.covers("other".into()));
        assert_eq!(take(&deletions), Some((true, 0)));
        assert!(deletions.covers("other".into()), "it is not done yet");
        deletions.finish(Ok(()));
        assert!(!deletions.covers("other".into()));
    }

    #[test]
    fn a_failed_deletion_is_tried_again_with_those_queued_meanwhile() {
        let deletions = Deletions::new(Duration::ZERO, false);
        deletions.submit(&Evict::keys(["a", "b"]));
        assert_eq!(take(&deletions), Some((false, 2)));
        deletions.submit(&Evict::keys(["b", "c"]));
        deletions.finish(Err(Cause::Closed));
        assert_eq!(take(&deletions), Some((false, 3)));
        deletions.finish(Ok(()));
        assert!(take(&deletions).is_none());
    }

    #[test]
    fn the_task_does_what_its_caller_does_not() {
        let deletions = Deletions::new(Duration::ZERO, false);
        let begin = |key: &str| deletions.begin(&Evict::key(key), |_| ()).unwrap().0;
        let (done, failed, dropped) = (begin("done"), begin("failed"), begin("dropped"));
        assert!(take(&deletions).is_none(), "they are the callers'");
        assert!(deletions.covers("done".into()) && deletions.covers("dropped".into()));
        done.finish(&Ok(()));
        failed.finish(&Err(Cause::Closed));
        drop(dropped);
        assert!(!deletions.covers("done".into()));
        assert!(deletions.covers("failed".into()) && deletions.covers("dropped".into()));
        assert_eq!(take(&deletions), Some((false, 2)));
    }

    #[test]
    fn what_publishers_have_deleted_of_late_is_repeated() {
        let deletions = Deletions::new(Duration::from_secs(3600), false);
        let delete = |key: &str| {
            let begun = deletions.begin(&Evict::key(key), |_| ()).unwrap().0;
            begun.finish(&Ok(()));
        };
        delete("a");
        delete("b");
        assert!(!deletions.covers("a".into()));
        for _ in 0..2 {
            deletions.repeat();
            assert!(deletions.covers("a".into()));
            assert_eq!(take(&deletions), Some((false, 2)));
            deletions.finish(Ok(()));
        }
        // It is forgotten after a while.
        let deletions = Deletions::new(Duration::ZERO, false);
        for key in ["a", "b", "c"] {
            deletions
                .begin(&Evict::key(key), |_| ())
                .unwrap()
                .0
                .finish(&Ok(()));
        }
        deletions.repeat();
        assert!(
            !deletions.covers("a".into())
                && deletions.covers("b".into())
                && deletions.covers("c".into())
        );
    }

    #[test]
    fn a_deletion_of_nothing_is_not_queued() {
        let deletions = Deletions::new(Duration::ZERO, false);
        for nothing in [Evict::Nothing, Evict::Keys(Vec::new())] {
            deletions.submit(&nothing);
            assert!(deletions.begin(&nothing, |_| ()).is_none());
        }
        assert!(take(&deletions).is_none());
    }

    #[tokio::test]
    async fn no_caller_waits_for_a_task_that_has_ended() {
        let deletions = Deletions::new(Duration::ZERO, false);
        deletions.submit(&Evict::key("a"));
        drop(End(Arc::clone(&deletions)));
        let patience = Duration::from_secs(3600);
        assert_eq!(
            deletions.settled("a".into(), patience).await,
            Err(Cause::Closed)
        );
        assert_eq!(deletions.settled("b".into(), patience).await, Ok(()));
    }
}
