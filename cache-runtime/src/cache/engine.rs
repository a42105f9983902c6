//! What the in-memory caches have in common: a bounded store with TTLs, and one load a key.

use std::fmt;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use equivalent::Equivalent;
use tokio::sync::Semaphore;

use super::entry::{Entry, Filling};
use super::evict::Evict;
use super::flight::Waited;
use super::keys::hash;
use super::lead::{Hold, Lead, Reserved};
use super::settings::Settings;
use super::shape::{Capacity, Shape, part_of};
use super::store::{Joined, Store};
use super::{CacheStats, NotStored};
use crate::audit::{Bound, Described, Kind, State};
use crate::clock::{Clock, Nanos, nanos};

pub(crate) use super::flight::Storing;

/// See the module.
pub(crate) struct Engine<K, V> {
    store: Store<K, V>,
    settings: Settings<V>,
    ttl: Nanos,
    permits: Option<Semaphore>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    later_loads: AtomicU64,
    failed_loads: AtomicU64,
    shared_loads: AtomicU64,
    overtaken_loads: AtomicU64,
    partial_evictions: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn permits(loads: usize) -> Semaphore {
    Semaphore::new(loads.min(Semaphore::MAX_PERMITS))
}

/// What [`Engine::turn`] comes to.
pub(crate) enum Turn<'a, K: Hash + Eq, V: Clone> {
    /// Somebody else has loaded it meanwhile.
    Value(V),
    /// It is the caller's turn to load.
    Lead(Lead<'a, K, V>),
}

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    pub(crate) fn new(settings: Settings<V>) -> Self {
        let ttl = nanos(settings.ttl);
        let keep_expired = nanos(settings.stale_on_error);
        Self {
            store: Store::new(Shape::new(
                settings.capacity,
                ttl,
                keep_expired,
                nanos(settings.share_bypassed),
            )),
            ttl,
            permits: settings.max_concurrent_loads.map(permits),
            counters: Counters::default(),
            settings,
        }
    }

    #[inline]
    pub(crate) fn clock(&self) -> &Clock {
        &self.settings.clock
    }

    #[inline]
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.get_if(key, |_| true)
    }

    /// The entry, if `serve` agrees. The clock is read once there is one.
    #[inline]
    pub(crate) fn get_if<Q>(&self, key: &Q, serve: impl FnOnce(Nanos) -> bool) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.store.get(key, |expires| {
            let now = self.clock().now();
            now < expires && serve(now)
        })
    }

    pub(crate) fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.store.peek(key, self.clock().now()).is_some()
    }

    /// A value that has expired no longer ago than the cache may serve it after a failed load.
    pub(crate) fn get_expired<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let age = nanos(self.settings.stale_on_error);
        if age == 0 {
            return None;
        }
        self.store.peek(key, self.clock().now().saturating_sub(age))
    }

    /// Waits until it is the caller's turn to load, or somebody else has. Whoever has to begin anew
    /// asks again whether the load may be stored.
    ///
    /// # Cancel safety
    ///
    /// Dropped while waiting, it leaves nothing behind.
    pub(crate) async fn turn<Q>(&self, key: &Q, storing: impl Fn() -> Storing) -> Turn<'_, K, V>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let hash = hash(key);
        loop {
            let arrived = self.clock().now();
            let (id, flight) = match self.store.join(hash, key, storing(), arrived) {
                Joined::Hit(value) => return Turn::Value(value),
                Joined::Turn(id) => (id, None),
                Joined::Wait(id, flight) => (id, Some(flight)),
            };
            let mut hold = Hold::new(self, hash, id, flight.is_none());
            let mut waited = false;
            if let Some(flight) = flight {
                match flight.wait().await {
                    Waited::Turn => hold.take_turn(),
                    // It may have been loaded too slowly for whoever came late.
                    Waited::Landed(entry) if arrived < entry.expires() => {
                        count(&self.counters.shared_loads);
                        return Turn::Value(entry.value);
                    }
                    Waited::Landed(_) | Waited::Overtaken => continue,
                }
                waited = true;
            }
            let mut permit = None;
            if let Some(permits) = &self.permits {
                waited |= permits.available_permits() == 0;
                // It is never closed.
                permit = permits.acquire().await.ok();
            }
            if !waited {
                return Turn::Lead(Lead::new(hold, permit, arrived));
            }
            // What an eviction has overtaken meanwhile could not be stored: begin anew.
            if self.store.is_current(hash, id) {
                count(&self.counters.later_loads);
                return Turn::Lead(Lead::new(hold, permit, self.clock().now()));
            }
        }
    }

    /// Enters a load that nobody waits for.
    pub(crate) fn reserve<Q>(&self, key: &Q, storing: Storing) -> Reserved<'_, K, V>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let (hash, started) = (hash(key), self.clock().now());
        let id = self.store.enter(hash, key, storing, started);
        let hold = Hold::new(self, hash, id, false);
        Reserved::new(hold, started)
    }

    /// Is done with a load: gives the value to those who wait, and stores it if it may.
    pub(super) fn fill(&self, hash: u64, id: u64, filling: Filling<V>) -> Result<(), NotStored> {
        let result = (self.store).store(hash, id, filling, self.clock().now());
        if result == Err(NotStored::Evicted) {
            count(&self.counters.overtaken_loads);
        }
        result
    }

    /// Is done with a load that has come to nothing.
    pub(super) fn leave(&self, hash: u64, id: u64, has_turn: bool) {
        self.store.leave(hash, id, has_turn);
    }

    pub(super) fn count_failed_load(&self) {
        count(&self.counters.failed_loads);
    }

    pub(crate) fn insert(&self, key: K, value: V) -> Result<(), NotStored> {
        let now = self.clock().now();
        let filling = self.filling(hash(&key), value, now, Storing::Yes);
        self.store.insert(key, filling, now)
    }

    pub(crate) fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let entry = self.store.remove(key)?;
        (self.clock().now() < entry.expires()).then_some(entry.value)
    }

    pub(crate) fn remove_matching(&self, stale: impl Fn(&K, Option<&V>) -> bool) -> usize {
        count(&self.counters.partial_evictions);
        self.store.remove_matching(stale)
    }

    /// Evicts, and bars every load that it covers. What is evicted with everything else stays in
    /// memory until it is [released](Self::release).
    pub(crate) fn evict(&self, evict: &Evict<K>) {
        match evict {
            Evict::Key(key) => drop(self.store.remove(key)),
            Evict::Keys(keys) => keys.iter().for_each(|key| drop(self.store.remove(key))),
            Evict::Matching(matches) => {
                self.remove_matching(|key, _| matches(key));
            }
            Evict::All => self.store.remove_all(),
            Evict::Nothing => {}
        }
    }

    /// Evicts everything, and frees its memory.
    pub(crate) fn clear(&self) {
        self.evict(&Evict::All);
        for part in 0..self.parts() {
            self.release(part);
        }
    }

    /// Advances when everything is evicted.
    pub(crate) fn generation(&self) -> u64 {
        self.store.generation()
    }

    /// The parts that [`release`](Self::release) takes one by one.
    pub(crate) fn parts(&self) -> usize {
        self.store.parts()
    }

    /// Frees the memory of what was evicted with everything else from one part.
    pub(crate) fn release(&self, part: usize) {
        self.store.release(part);
    }

    pub(crate) fn for_each(&self, each: impl FnMut(&K, &V)) {
        self.store.for_each(self.clock().now(), each);
    }

    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }

    pub(crate) fn stats(&self) -> CacheStats {
        let (hits, misses) = self.store.reads();
        let (loads, evictions) = self.store.writes();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits,
            misses,
            loads: loads + read(&self.counters.later_loads),
            failed_loads: read(&self.counters.failed_loads),
            shared_loads: read(&self.counters.shared_loads),
            overtaken_loads: read(&self.counters.overtaken_loads),
            evictions: evictions + read(&self.counters.partial_evictions),
            loading: self.store.flights(),
        }
    }

    /// A cache that is nothing but this, for an audit.
    pub(crate) fn describe(&self, name: &Arc<str>, place: &'static Location<'static>) -> Described {
        let (hits, misses) = self.store.reads();
        Described {
            name: Arc::clone(name),
            kind: Kind::Ttl,
            place,
            ttl: Some(self.settings.ttl),
            bound: match self.settings.capacity {
                Capacity::Entries(entries) => Bound::Entries(entries as u64),
                Capacity::Weight(weight) => Bound::Weight(weight),
            },
            entries: Some(self.len() as u64),
            hits,
            misses,
            evicted_by: Vec::new(),
            state: State::Local,
            bus: None,
        }
    }

    /// A value that was asked for at `started`, with its TTL and its weight.
    pub(super) fn filling(
        &self,
        hash: u64,
        value: V,
        started: Nanos,
        storing: Storing,
    ) -> Filling<V> {
        let mut ttl = self.ttl;
        if let Some(ttl_by) = &self.settings.ttl_by {
            ttl = ttl.min(nanos(ttl_by(&value)));
        }
        ttl -= scatter(hash ^ started, ttl, self.settings.jitter);
        let refusal = match storing {
            Storing::No => Some(NotStored::Bypassed),
            Storing::Yes if ttl == 0 => Some(NotStored::Expired),
            Storing::Yes => None,
        };
        // What is not to be stored has no TTL of its own; those who wait for it may have it.
        let ttl = if ttl == 0 { self.ttl } else { ttl };
        // What weighs nothing would never be evicted.
        let weight = self.settings.weigh.as_ref();
        let weight = weight.map_or(1, |weigh| weigh(&value).max(1));
        Filling {
            entry: Entry::new(value, started.saturating_add(ttl), weight),
            refusal,
        }
    }
}

/// A random part of a TTL, `jitter` of it at most. Any scatter will do, as long as it is another one
/// each time.
fn scatter(seed: u64, ttl: Nanos, jitter: f64) -> Nanos {
    let scattered = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    scattered.checked_rem(part_of(ttl, jitter)).unwrap_or(0)
}

impl<K, V> fmt::Debug for Engine<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
