//! Loads that fail, and loads that take too long: what their callers receive.

use std::any::{TypeId, type_name};
use std::convert::Infallible;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;

use equivalent::Equivalent;
use tracing::warn;

use super::engine::Engine;
use super::load::Storing;
use super::nested::Limit;
use super::patience::Patience;
use super::turn::Caller;
use super::verdict::Verdict;
use super::waiters::{Waited, Waiters};
use crate::clock::Nanos;
use crate::io_thread::{sleep, timeout};

const GIVEN_UP: &str = "the load of a key takes longer than `load_timeout`; it is given up";

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    /// What a caller receives whose load has failed: the expired entry, or the error. Called before
    /// others hear of the failure, so that after a refusal none of them finds the entry.
    pub(super) fn failed<Q, E>(&self, key: &Q, is_open: bool, error: Arc<E>) -> Result<V, Arc<E>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        E: Send + Sync + 'static,
    {
        if self.options.stale_on_error.is_zero() {
            return Err(error);
        }
        match self.options.outages.judge(&*error) {
            Verdict::Outage => {
                let expired = is_open.then(|| self.get_expired(key)).flatten();
                return expired.ok_or(error);
            }
            Verdict::Refusal => {
                let now = self.clock().now();
                self.store.remove_expired(key, now, now);
            }
            Verdict::Unknown => self.other_error::<E>("stale_on_error_if"),
        }
        Err(error)
    }

    /// As [`failed`](Self::failed), for a load on schedule, which begins before the entry has expired:
    /// after a refusal it is removed whatever its age. Of errors of other types there is nothing to
    /// log, because no caller would be given the expired entry.
    pub(super) fn refresh_failed<Q, E>(&self, key: &Q, error: &E)
    where
        Q: Hash + Equivalent<K> + ?Sized,
        E: Send + Sync + 'static,
    {
        if self.options.outages.judge(error) == Verdict::Refusal {
            let now = self.clock().now();
            self.store.remove_expired(key, Nanos::MAX, now);
        }
    }

    /// When a load that begins now is given up, if its error can be made.
    pub(super) fn limit<E: 'static>(&self) -> Limit {
        // Timers would wake the threads of the concurrency checker from outside.
        let limit = (self.options.load_timeout.limit()).filter(|_| !cfg!(shuttle))?;
        if self.options.load_timeout.error::<E>().is_none() {
            self.other_error::<E>("load_timeout");
            return None;
        }
        Some(Box::pin(sleep(limit)))
    }

    /// The error of a load that has reached its [limit](Self::limit).
    pub(super) fn given_up<Q, E: 'static>(&self, key: &Q) -> E
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        self.hung(key, GIVEN_UP);
        let error = self.options.load_timeout.error();
        error.expect("it has a limit, so it has an error")(&self.name)
    }

    /// Waits for the load of another caller; `None` once the time for that is over. The error is an
    /// expired entry, which is returned although the load goes on.
    pub(super) async fn wait<Q>(
        &self,
        key: &Q,
        storing: &(dyn Fn() -> Storing + Sync),
        patience: &mut Patience,
        waiters: &Waiters<V>,
        caller: Caller,
    ) -> Result<Option<Waited<V>>, V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let limit = self.options.stale_after.filter(|_| !cfg!(shuttle));
        let Some(limit) = limit.filter(|_| caller == Caller::Reader) else {
            return Ok(patience.wait(waiters.wait()).await);
        };
        // Boxed, so that callers without this option have no room for it.
        let softly = async {
            let mut waiting = pin!(waiters.wait());
            match patience.wait(timeout(limit, waiting.as_mut())).await {
                None => return Ok(None),
                Some(Ok(waited)) => return Ok(Some(waited)),
                Some(Err(_)) => {}
            }
            if let Some(value) = self.stale(key, storing) {
                return Err(value);
            }
            Ok(patience.wait(waiting).await)
        };
        Box::pin(softly).await
    }

    /// The expired entry, if the cache may be read.
    pub(super) fn stale<Q>(&self, key: &Q, storing: &(dyn Fn() -> Storing + Sync)) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let is_open = storing() == Storing::Yes;
        is_open.then(|| self.get_expired(key)).flatten()
    }

    /// Logs that an option does not speak of errors of this type.
    fn other_error<E: 'static>(&self, option: &str) {
        if TypeId::of::<E>() != TypeId::of::<Infallible>()
            && let Some(skipped) = self.logs.other_errors.admit()
        {
            let error = type_name::<E>();
            warn!(
                cache = self.name(),
                error, skipped, "`{option}` is set for other types of errors"
            );
        }
    }
}
