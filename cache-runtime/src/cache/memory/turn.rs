//! Whose turn it is to load a key.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use equivalent::Equivalent;
use tokio::sync::SemaphorePermit;

use super::engine::Engine;
use super::held::{LeadingLoad, LoadGuard, LoneLoad, TakenTurn};
use super::keys::hash;
use super::load::Storing;
use super::nested::{self, Limit};
use super::patience::Patience;
use super::store::{Joined, Wait};
use super::waiters::{Ended, Failure, Waited};
use crate::cache::error::NotStored;
use crate::clock::{Nanos, nanos};
use crate::counters::count;

pub(super) const WAITS_FOR_ITSELF: &str =
    "the load of a key waits for itself, because its loader reads the key; it is loaded once more";
const CROWDED: &str = "a load waits longer than `load_wait` for one of `max_concurrent_loads` to end; \
                       it begins beside them";
pub(super) const HANGS: &str =
    "the load of a key takes longer than `load_wait`; another begins beside it";

/// How [`Engine::turn`] ends.
pub(crate) enum Turn<'a, K: Hash + Eq, V: Clone> {
    /// Another caller has loaded the value meanwhile, or takes so long that the expired one serves.
    Value(V),
    /// The load of another caller, which this one has waited for, has failed with an error of this
    /// caller's type.
    Failed(Failure),
    /// It is the caller's turn to load.
    Lead(LeadingLoad<'a, K, V>),
}

/// Who waits for a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// An entry that is there will do, and an expired one while a load takes long.
    Reader,
    /// It replaces the entry, so only a load will do.
    Refresh,
}

/// What one caller of a key waits for.
pub(super) struct Call {
    caller: Caller,
    pub(super) patience: Patience,
    /// Which loads of others it still waits for.
    wait: Wait,
    next_at_arrival: Option<u64>,
}

impl Call {
    pub(super) fn new(caller: Caller, load_wait: Duration) -> Self {
        Self {
            caller,
            patience: Patience::new(load_wait),
            wait: Wait::Always,
            next_at_arrival: None,
        }
    }
}

/// As [`Turn`], before the load begins.
pub(super) enum Arrived<'a, K: Hash + Eq, V: Clone> {
    Value(V),
    Failed(Failure),
    Turn(TakenTurn<'a, K, V>),
}

/// How the load of a caller has ended. Its waiters know.
pub(super) enum Led<V, E> {
    Loaded(V, Result<(), NotStored>),
    /// With the error, and what the caller is answered.
    Failed(Arc<E>, Result<V, Arc<E>>),
}

impl<V, E> Led<V, E> {
    /// What the caller is answered.
    pub(super) fn answer(self) -> Result<V, Arc<E>> {
        match self {
            Self::Loaded(value, _) => Ok(value),
            Self::Failed(_, answer) => answer,
        }
    }
}

/// What the end of a wait for the load of another caller means for this one.
pub(super) enum Outcome<V> {
    /// It is the caller's turn to load.
    Turn,
    Value(V),
    /// The load has failed with an error of this caller's type.
    Failed(Failure),
    /// Nothing: the caller begins anew.
    Nothing,
}

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    /// The value that `loader` loads, unless another caller of the key has loaded it meanwhile. It
    /// is stored only while `is_open` returns true.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind, and the next waiter loads.
    pub(crate) async fn load<Q, L, F, E>(
        &self,
        key: &Q,
        is_open: impl Fn() -> bool + Sync,
        loader: L,
    ) -> Result<V, Arc<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
        L: FnOnce() -> F,
        F: Future<Output = Result<V, E>>,
        E: Send + Sync + 'static,
    {
        let storing = || Storing::when(is_open());
        let lead = match self.turn(key, &storing, failed_with::<E>).await {
            Turn::Value(value) => return Ok(value),
            Turn::Failed(failure) => return self.failed(key, is_open(), error_of(failure)),
            Turn::Lead(lead) => lead,
        };
        let limit = self.limit::<E>();
        let loading = self.lead(key, lead, Caller::Reader, is_open, limit, loader);
        loading.await.answer()
    }

    /// Loads, since it is the caller's turn.
    pub(super) async fn lead<Q, L, F, E>(
        &self,
        key: &Q,
        lead: LeadingLoad<'_, K, V>,
        caller: Caller,
        is_open: impl Fn() -> bool,
        limit: Limit,
        loader: L,
    ) -> Led<V, E>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
        L: FnOnce() -> F,
        F: Future<Output = Result<V, E>>,
        E: Send + Sync + 'static,
    {
        let ended = lead.run(limit, self.watched(loader)).await;
        match ended.unwrap_or_else(|| Err(self.given_up(key))) {
            Ok(value) => {
                // The waiters receive it even if it may not be stored.
                let stored = if is_open() {
                    lead.finish(value.clone())
                } else {
                    lead.pass(value.clone());
                    Err(NotStored::Bypassed)
                };
                Led::Loaded(value, stored)
            }
            Err(error) => {
                let error = Arc::new(error);
                let answer = match caller {
                    Caller::Reader => self.failed(key, is_open(), Arc::clone(&error)),
                    Caller::Refresh => {
                        self.refresh_failed(key, &*error);
                        Err(Arc::clone(&error))
                    }
                };
                lead.fail(&error);
                Led::Failed(error, answer)
            }
        }
    }

    /// Waits until it is the caller's turn to load, or another caller has loaded. A caller that
    /// begins anew asks `storing` again. So does a caller whose loads fail with errors of another
    /// type than that of the load that it has waited for, which `is_own` tells.
    ///
    /// It knows neither the loader nor its types, so that it is compiled once for many loaders.
    ///
    /// # Cancel safety
    ///
    /// Dropped while waiting, it leaves nothing behind.
    pub(crate) async fn turn<Q>(
        &self,
        key: &Q,
        storing: &(dyn Fn() -> Storing + Sync),
        is_own: fn(&Failure) -> bool,
    ) -> Turn<'_, K, V>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        self.turn_of(key, storing, is_own, Caller::Reader).await
    }

    /// As [`turn`](Self::turn), for a caller of either kind.
    pub(super) async fn turn_of<Q>(
        &self,
        key: &Q,
        storing: &(dyn Fn() -> Storing + Sync),
        is_own: fn(&Failure) -> bool,
        caller: Caller,
    ) -> Turn<'_, K, V>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let mut call = Call::new(caller, self.options.load_wait);
        loop {
            let taken = match self.arrive(key, storing, is_own, &mut call).await {
                Arrived::Value(value) => return Turn::Value(value),
                Arrived::Failed(failure) => return Turn::Failed(failure),
                Arrived::Turn(taken) => taken,
            };
            if let Some(lead) = self.begin(key, taken, &mut call.patience).await {
                return Turn::Lead(lead);
            }
        }
    }

    /// The first part of [`turn`](Self::turn): waits for loads of other callers.
    ///
    /// # Cancel safety
    ///
    /// Dropped while waiting, it leaves nothing behind.
    pub(super) async fn arrive<Q>(
        &self,
        key: &Q,
        storing: &(dyn Fn() -> Storing + Sync),
        is_own: fn(&Failure) -> bool,
        call: &mut Call,
    ) -> Arrived<'_, K, V>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let (hash, caller) = (hash(key), call.caller);
        loop {
            let arrived = self.clock().now();
            // For a refresh, every entry is too old.
            let now = match caller {
                Caller::Reader => arrived,
                Caller::Refresh => Nanos::MAX,
            };
            let next_at_arrival = &mut call.next_at_arrival;
            let joined = (self.store).join(hash, key, storing(), now, call.wait, next_at_arrival);
            let may_share = !matches!(joined, Joined::WaitForNext(..));
            let (id, waiters) = match joined {
                Joined::Hit(value) => {
                    count(&self.counters.shared_loads);
                    return Arrived::Value(value);
                }
                Joined::Turn(id) => (id, None),
                Joined::Replacing(id) => {
                    self.hung(key, HANGS);
                    (id, None)
                }
                Joined::Wait(id, waiters) | Joined::WaitForNext(id, waiters) => (id, Some(waiters)),
            };
            let mut guard = LoadGuard::new(self, hash, key, id, waiters.is_none());
            let mut has_waited = false;
            if let Some(waiters) = waiters {
                if nested::is_polled(|load| *load == guard.load()) {
                    self.hung(key, WAITS_FOR_ITSELF);
                    drop(guard);
                    return Arrived::Turn(self.lone_turn(hash, key, storing()));
                }
                let waited_for = self.wait(key, storing, &mut call.patience, &waiters, caller);
                let ended = match waited_for.await {
                    Ok(ended) => ended,
                    Err(stale) => return Arrived::Value(stale),
                };
                let outcome = ended.map(|ended| outcome(ended, may_share, arrived, is_own));
                match outcome {
                    Some(Outcome::Turn) => guard.take_turn(),
                    Some(Outcome::Value(value)) => {
                        if caller == Caller::Reader {
                            count(&self.counters.shared_loads);
                        }
                        return Arrived::Value(value);
                    }
                    Some(Outcome::Failed(failure)) => return Arrived::Failed(failure),
                    Some(Outcome::Nothing) => continue,
                    // A load that another caller has begun meanwhile is waited for anew. Otherwise
                    // all would load where loads always take longer.
                    None => {
                        call.wait = Wait::UpTo(nanos(self.options.load_wait));
                        call.patience = Patience::new(self.options.load_wait);
                        continue;
                    }
                }
                has_waited = true;
            }
            return Arrived::Turn(TakenTurn {
                guard,
                arrived,
                has_waited,
                is_lone: false,
            });
        }
    }

    /// The last part of [`turn`](Self::turn): begins the load, once the number of loads allows it.
    /// `None` if an eviction has overtaken the load while it waited, so that its value could not be
    /// stored.
    ///
    /// # Cancel safety
    ///
    /// Dropped while waiting, it hands the turn over.
    pub(super) async fn begin<'a, Q>(
        &'a self,
        key: &Q,
        mut taken: TakenTurn<'a, K, V>,
        patience: &mut Patience,
    ) -> Option<LeadingLoad<'a, K, V>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        if taken.is_lone {
            return Some(taken.lead_alone());
        }
        let permit = self.permit(key, patience, &mut taken.has_waited).await;
        taken.is_current().then(|| taken.lead(permit))
    }

    /// The permit to load. `None` if loads need none, if the loader of another load waits for this one
    /// and has one, or if the caller has waited for too long. Notes in `waited` that it may wait.
    pub(super) async fn permit<Q>(
        &self,
        key: &Q,
        patience: &mut Patience,
        waited: &mut bool,
    ) -> Option<SemaphorePermit<'_>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        let permits = self.permits.as_ref()?;
        if nested::is_polled(|load| load.0 == self.address()) {
            return None;
        }
        *waited |= permits.available_permits() == 0;
        let acquired = patience.wait(permits.acquire()).await;
        if acquired.is_none() {
            self.hung(key, CROWDED);
        }
        // The semaphore is never closed.
        acquired.and_then(Result::ok)
    }

    /// The turn to load a key whose other loads go on.
    pub(super) fn lone_turn<Q>(&self, hash: u64, key: &Q, storing: Storing) -> TakenTurn<'_, K, V>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let arrived = self.clock().now();
        let id = self.store.enter(hash, key, storing);
        TakenTurn {
            guard: LoadGuard::new(self, hash, key, id, true),
            arrived,
            has_waited: false,
            is_lone: true,
        }
    }

    /// Tells this engine from others.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Enters a load that no other caller waits for.
    pub(crate) fn begin_load<Q>(&self, key: &Q, storing: Storing) -> LoneLoad<'_, K, V>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let (hash, started) = (hash(key), self.clock().now());
        let id = self.store.enter(hash, key, storing);
        LoneLoad::new(LoadGuard::new(self, hash, key, id, false), started)
    }
}

/// What the end of a wait means for a caller who `arrived` at a time, and may or may not share the load.
pub(super) fn outcome<V>(
    waited: Waited<V>,
    may_share: bool,
    arrived: Nanos,
    is_own: fn(&Failure) -> bool,
) -> Outcome<V> {
    match waited {
        Waited::Turn => Outcome::Turn,
        // The value may have expired before this caller came.
        Waited::Ended(Ended::Loaded(entry)) if may_share && arrived < entry.expires() => {
            Outcome::Value(entry.value)
        }
        Waited::Ended(Ended::Failed(failure)) if may_share && is_own(&failure) => {
            Outcome::Failed(failure)
        }
        Waited::Ended(_) | Waited::GivenUp => Outcome::Nothing,
    }
}

/// Whether a load has failed with an `E`.
pub(crate) fn failed_with<E: Send + Sync + 'static>(failure: &Failure) -> bool {
    (**failure).is::<E>()
}

/// The error of a load, of which it is known that it has [failed with](failed_with) an `E`.
pub(crate) fn error_of<E: Send + Sync + 'static>(failure: Failure) -> Arc<E> {
    failure.downcast().expect("an error of the caller's type")
}
