//! A caller's part in a load: the turn to load, and the right to store what was loaded.

use std::hash::Hash;
use std::sync::Arc;

use tokio::sync::SemaphorePermit;

use super::engine::Engine;
use super::load::Storing;
use super::nested::{self, Limit, LoadId};
use super::tags::Tag;
use super::waiters::Failure;
use crate::cache::error::NotStored;
use crate::clock::Nanos;
use crate::counters::count;

/// How a load ends that has found no value for a key, among those of several keys.
#[derive(Debug)]
pub(super) struct Absent;

/// A caller's part in a load. Dropping it leaves the load.
pub(super) struct LoadGuard<'a, K: Hash + Eq, V: Clone> {
    engine: &'a Engine<K, V>,
    hash: u64,
    key: Option<K>,
    id: u64,
    has_turn: bool,
    held: bool,
}

impl<'a, K: Hash + Eq, V: Clone> LoadGuard<'a, K, V> {
    pub(super) fn new<Q>(
        engine: &'a Engine<K, V>,
        hash: u64,
        key: &Q,
        id: u64,
        has_turn: bool,
    ) -> Self
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        Self {
            engine,
            hash,
            key: engine.key_to_store(key),
            id,
            has_turn,
            held: true,
        }
    }

    pub(super) fn load(&self) -> LoadId {
        (self.engine.address(), self.hash, self.id)
    }

    /// Notes that the caller with the turn has handed it over.
    pub(super) fn take_turn(&mut self) {
        self.has_turn = true;
    }

    /// Whether a value that carries these tags may be stored elsewhere too, as [`Store::is_untouched`]
    /// says.
    ///
    /// [`Store::is_untouched`]: super::store::Store::is_untouched
    fn is_untouched(&self, carried: &[Tag]) -> bool {
        self.engine.store.is_untouched(self.hash, self.id, carried)
    }

    /// Ends the load: gives the value to the waiters, and stores it if nothing forbids it.
    fn store(&mut self, value: V, started: Nanos, storing: Storing) -> Result<(), NotStored> {
        let engine = self.engine;
        // This calls the user's code, which may panic: the load is held until it returns.
        let new = engine.new_entry(self.hash, self.key.as_ref(), value, started, storing);
        self.held = false;
        let result = (engine.store).store(self.hash, self.id, new, engine.clock().now());
        if result == Err(NotStored::Evicted) {
            count(&engine.counters.overtaken_loads);
        }
        result
    }
}

impl<K: Hash + Eq, V: Clone> Drop for LoadGuard<'_, K, V> {
    fn drop(&mut self) {
        if self.held {
            self.engine.store.leave(self.hash, self.id, self.has_turn);
        }
    }
}

/// The turn to load a key that others may wait for. Dropping it hands the turn over.
pub(crate) struct LeadingLoad<'a, K: Hash + Eq, V: Clone> {
    /// The permit to load, if the number of loads is bounded. Dropped first, because the next
    /// caller may need it.
    permit: Option<SemaphorePermit<'a>>,
    guard: LoadGuard<'a, K, V>,
    started: Nanos,
    nested: bool,
}

impl<'a, K: Hash + Eq, V: Clone> LeadingLoad<'a, K, V> {
    pub(super) fn new(
        guard: LoadGuard<'a, K, V>,
        permit: Option<SemaphorePermit<'a>>,
        started: Nanos,
    ) -> Self {
        count(&guard.engine.counters.loads);
        Self {
            permit,
            guard,
            started,
            nested: false,
        }
    }

    pub(super) fn load(&self) -> LoadId {
        self.guard.load()
    }

    /// Whether the caller is the loader of the same key.
    pub(crate) fn is_nested(&self) -> bool {
        self.nested
    }

    /// Runs the loader. If it waits for this load, that is noticed. `None` if it is given up.
    pub(crate) async fn run<T>(&self, limit: Limit, loader: impl Future<Output = T>) -> Option<T> {
        nested::run(&[self.load().into()], limit, loader).await
    }

    /// Stores the value, unless an eviction has overtaken the load, and gives it to the waiters.
    pub(crate) fn finish(mut self, value: V) -> Result<(), NotStored> {
        self.guard.store(value, self.started, Storing::Yes)
    }

    /// Whether a value that carries these tags may be stored outside of the engine: no eviction has
    /// overtaken the load, and none is being applied.
    pub(crate) fn is_untouched(&self, carried: &[Tag]) -> bool {
        self.guard.is_untouched(carried)
    }

    /// Gives an error to the waiters.
    pub(crate) fn fail<E: Send + Sync + 'static>(self, error: &Arc<E>) {
        count(&self.guard.engine.counters.failed_loads);
        self.end(Arc::clone(error) as _);
    }

    /// Ends the load without a value, because a load of several keys has found none for this one.
    /// Those who load several keys at a time share that; others begin anew.
    pub(crate) fn absent(self) {
        self.end(Arc::new(Absent));
    }

    fn end(mut self, failure: Failure) {
        self.guard.held = false;
        let (hash, id) = (self.guard.hash, self.guard.id);
        self.guard.engine.store.fail(hash, id, failure);
    }

    /// Gives the value to the waiters, and does not store it.
    pub(crate) fn pass(mut self, value: V) {
        let _ = self.guard.store(value, self.started, Storing::No);
    }
}

impl<K: Hash + Eq, V: Clone> Drop for LeadingLoad<'_, K, V> {
    fn drop(&mut self) {
        self.permit = None;
        if self.guard.held {
            count(&self.guard.engine.counters.failed_loads);
        }
    }
}

/// The turn to load a key, before the load begins. Dropping it hands the turn over.
pub(super) struct TakenTurn<'a, K: Hash + Eq, V: Clone> {
    pub(super) guard: LoadGuard<'a, K, V>,
    /// When the caller found that there is no entry.
    pub(super) arrived: Nanos,
    /// It was not free when the caller came.
    pub(super) has_waited: bool,
    /// Beside a load whose loader is the caller.
    pub(super) is_lone: bool,
}

impl<'a, K: Hash + Eq, V: Clone> TakenTurn<'a, K, V> {
    /// Whether the load may begin: if it has waited, an eviction may have overtaken it meanwhile, so that
    /// its value could not be stored.
    pub(super) fn is_current(&self) -> bool {
        let (_, hash, id) = self.guard.load();
        !self.has_waited || self.guard.engine.store.is_current(hash, id)
    }

    /// Begins the load.
    pub(super) fn lead(self, permit: Option<SemaphorePermit<'a>>) -> LeadingLoad<'a, K, V> {
        let now = || self.guard.engine.clock().now();
        let started = if self.has_waited { now() } else { self.arrived };
        LeadingLoad::new(self.guard, permit, started)
    }

    /// Begins the load, beside the one whose loader is the caller.
    pub(super) fn lead_alone(self) -> LeadingLoad<'a, K, V> {
        let mut lead = LeadingLoad::new(self.guard, None, self.arrived);
        lead.nested = true;
        lead
    }

    /// Takes it from its engine, so that a task can have it. It has to be
    /// [attached](DetachedTurn::attach) again.
    pub(super) fn detach(mut self) -> DetachedTurn<K> {
        self.guard.held = false;
        DetachedTurn {
            hash: self.guard.hash,
            key: self.guard.key.take(),
            id: self.guard.id,
            arrived: self.arrived,
            has_waited: self.has_waited,
            is_lone: self.is_lone,
        }
    }
}

/// A turn without its engine.
#[must_use = "others may wait for the load"]
pub(super) struct DetachedTurn<K> {
    hash: u64,
    key: Option<K>,
    id: u64,
    arrived: Nanos,
    has_waited: bool,
    is_lone: bool,
}

impl<K: Hash + Eq> DetachedTurn<K> {
    /// Gives the turn back to the engine that it is of.
    pub(super) fn attach<V: Clone>(self, engine: &Engine<K, V>) -> TakenTurn<'_, K, V> {
        TakenTurn {
            guard: LoadGuard {
                engine,
                hash: self.hash,
                key: self.key,
                id: self.id,
                has_turn: true,
                held: true,
            },
            arrived: self.arrived,
            has_waited: self.has_waited,
            is_lone: self.is_lone,
        }
    }
}

/// A load that no other caller waits for.
pub(crate) struct LoneLoad<'a, K: Hash + Eq, V: Clone> {
    guard: LoadGuard<'a, K, V>,
    started: Nanos,
}

impl<'a, K: Hash + Eq, V: Clone> LoneLoad<'a, K, V> {
    pub(super) fn new(guard: LoadGuard<'a, K, V>, started: Nanos) -> Self {
        count(&guard.engine.counters.loads);
        Self { guard, started }
    }

    /// As [`LeadingLoad::is_untouched`].
    pub(crate) fn is_untouched(&self, carried: &[Tag]) -> bool {
        self.guard.is_untouched(carried)
    }

    /// Stores the value, unless an eviction has overtaken the load.
    pub(crate) fn store(mut self, value: V) -> Result<(), NotStored> {
        self.guard.store(value, self.started, Storing::Yes)
    }
}
