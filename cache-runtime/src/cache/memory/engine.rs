//! A bounded cache with TTLs. `turn` says which caller may load a key, and when.

use std::fmt;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;

use equivalent::Equivalent;
use tokio::sync::Semaphore;
use tracing::{Instrument, debug_span, warn};

use super::entry::{Entry, NewEntry};
use super::keys::hash;
use super::layout::{Capacity, Layout, part_of};
use super::line::Line;
use super::load::Storing;
use super::options::Options;
use super::stats::{CacheStats, Counters};
use super::store::Store;
use super::tags::Tag;
use crate::audit::{Bound, Described, Kind, State};
use crate::cache::error::NotStored;
use crate::clock::{Clock, Nanos, nanos};
use crate::counters::{Cause, Durations, count};
use crate::log_throttle::LogThrottle;
use crate::wire::Prose;

/// A bounded cache with TTLs, for any kind of cache in memory.
pub(crate) struct Engine<K, V> {
    pub(super) store: Store<K, V>,
    pub(super) name: Arc<str>,
    /// Writes a key to the log.
    pub(super) show: fn(&K) -> String,
    pub(super) options: Options<K, V>,
    ttl: Nanos,
    /// Bounds how many loads there are at a time.
    pub(super) permits: Option<Semaphore>,
    pub(super) counters: Line<Counters>,
    durations: Durations,
    pub(super) logs: Logs,
}

/// A throttle for each kind of line, so that none hides another.
#[derive(Debug, Default)]
pub(super) struct Logs {
    hung: LogThrottle,
    untagged: LogThrottle,
    pub(super) tags: LogThrottle,
    pub(super) predicates: LogThrottle,
    pub(super) other_errors: LogThrottle,
    pub(super) refreshes: LogThrottle,
}

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    pub(crate) fn new(name: &Arc<str>, mut options: Options<K, V>) -> Self
    where
        K: fmt::Debug,
    {
        let ttl = nanos(options.ttl);
        let keep_expired = nanos(options.stale_on_error);
        let layout = Layout::new(options.capacity, ttl, keep_expired);
        let permits = |loads: usize| Semaphore::new(loads.min(Semaphore::MAX_PERMITS));
        Self {
            store: Store::new(
                layout,
                std::mem::take(&mut options.barriers),
                !options.tags.is_empty(),
            ),
            ttl,
            permits: options.max_concurrent_loads.map(permits),
            counters: Line::default(),
            durations: Durations::default(),
            logs: Logs::default(),
            name: Arc::clone(name),
            show: |key| format!("{key:?}"),
            options,
        }
    }

    /// Counts and logs a load that holds up others.
    pub(super) fn hung<Q>(&self, key: &Q, what: &str)
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        count(&self.counters.hung_loads);
        if let Some(skipped) = self.logs.hung.admit() {
            let key = (self.show)(&key.to_owned());
            warn!(cache = %self.name, key = %Prose(&key), skipped, "{what}");
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs a loader, in a span and while its time is taken.
    pub(crate) fn watched<F: Future>(
        &self,
        loader: impl FnOnce() -> F,
    ) -> impl Future<Output = F::Output> {
        let loading = async {
            let _timer = self.durations.begin();
            loader().await
        };
        loading.instrument(debug_span!("cache.load", cache = self.name()))
    }

    /// How long loads take, for operators.
    pub(crate) fn durations(&self) -> &Durations {
        &self.durations
    }

    #[inline]
    pub(crate) fn clock(&self) -> &Clock {
        &self.options.clock
    }

    #[inline]
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.get_if(key, |_| true)
    }

    /// The entry, if `serve` returns true for the current time. The clock is read only if there is
    /// an entry.
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
        self.store.contains(key, self.clock().now())
    }

    /// The entry to serve after a failed load: one that has not been expired for longer than
    /// `stale_on_error`.
    pub(crate) fn get_expired<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let age = nanos(self.options.stale_on_error);
        if age == 0 {
            return None;
        }
        self.store.peek(key, self.clock().now().saturating_sub(age))
    }

    pub(crate) fn insert(&self, key: K, value: V) -> Result<(), NotStored> {
        let now = self.clock().now();
        let hash = hash(&key);
        let weighed =
            AssertUnwindSafe(|| self.new_entry(hash, Some(&key), value, now, Storing::Yes));
        let new = catch_unwind(weighed).unwrap_or_else(|panic| {
            // The weigher is the user's code, and has panicked. As after a refusal, the old value
            // must not stay.
            drop(self.store.remove(&key, Cause::Removed, || now));
            resume_unwind(panic)
        });
        self.store.insert(key, new, now)
    }

    /// A number that changes when everything is evicted.
    pub(crate) fn generation(&self) -> u64 {
        self.store.generation()
    }

    /// The number of parts that [`reclaim`](Self::reclaim) takes one by one.
    pub(crate) fn parts(&self) -> usize {
        self.store.parts()
    }

    /// Frees the memory of what was evicted from one part with everything else.
    pub(crate) fn reclaim(&self, part: usize) {
        self.store.reclaim(part);
    }

    pub(crate) fn for_each(&self, each: impl FnMut(&K, &V)) {
        self.store.for_each(self.clock().now(), each);
    }

    pub(crate) fn len(&self) -> usize {
        self.store.len()
    }

    pub(crate) fn stats(&self) -> CacheStats {
        let (hits, misses) = self.store.reads();
        let account = self.store.account();
        let counted = self.counters.snapshot();
        CacheStats {
            hits,
            misses: misses.saturating_sub(counted.shared_loads),
            loading: self.store.loading() as u64,
            stored: account.stored,
            too_heavy: account.too_heavy,
            evictions: account.evictions,
            ..counted
        }
    }

    /// Describes a `TtlCache` for an audit. Other caches replace what differs.
    pub(crate) fn describe(&self, place: &'static Location<'static>) -> Described {
        let stats = self.stats();
        Described {
            name: Arc::clone(&self.name),
            kind: Kind::Ttl,
            place,
            ttl: Some(self.options.ttl),
            bound: match self.options.capacity {
                Capacity::Entries(entries) => Bound::Entries(entries as u64),
                Capacity::Weight(weight) => Bound::Weight(weight),
            },
            entries: Some(self.len() as u64),
            hits: stats.hits + stats.shared_loads,
            misses: stats.misses,
            evictions: Some(stats.evictions),
            reloads: self.reloads(),
            evicted_by: Vec::new(),
            state: State::Local,
            bus: None,
        }
    }

    /// The key to weigh and to ask for tags, for an entry that is stored later.
    pub(super) fn key_to_store<Q>(&self, key: &Q) -> Option<K>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        (self.options.weigh.is_some() || self.is_tagged()).then(|| key.to_owned())
    }

    /// Whether it is known which tags entries carry.
    pub(super) fn is_tagged(&self) -> bool {
        !self.options.tags.is_empty()
    }

    /// The tags of an entry. `None` if the user's code panics, or displays no text.
    fn tags(&self, key: &K, value: &V) -> Option<Vec<Tag>> {
        let add = || {
            let (mut tags, mut all) = (Vec::new(), self.options.tags.iter());
            let added = all.try_for_each(|add| add(key, value, &mut tags));
            added.ok().map(|()| tags)
        };
        let tags = catch_unwind(AssertUnwindSafe(add)).ok().flatten();
        if tags.is_none() {
            count(&self.counters.untagged);
            if let Some(skipped) = self.logs.untagged.admit() {
                let key = (self.show)(key);
                warn!(
                    cache = %self.name, key = %Prose(&key), skipped,
                    "`tags` panicked or returned what cannot be displayed; the value is not stored"
                );
            }
        }
        tags
    }

    /// A value whose load began at `started`, with its expiry, its weight and its tags. The key is
    /// needed only if entries are weighed or have tags.
    pub(super) fn new_entry(
        &self,
        hash: u64,
        key: Option<&K>,
        value: V,
        started: Nanos,
        storing: Storing,
    ) -> NewEntry<V> {
        let mut ttl = self.ttl;
        if let Some(ttl_by) = &self.options.ttl_by {
            ttl = ttl.min(nanos(ttl_by(&value)));
        }
        ttl -= scatter(hash ^ started, ttl, self.options.jitter);
        let mut refusal = match storing {
            Storing::No | Storing::Bypassed => Some(NotStored::Bypassed),
            Storing::Yes if ttl == 0 => Some(NotStored::Expired),
            Storing::Yes => None,
        };
        // A value that is not stored still needs an expiry: its waiters look at it.
        let ttl = if ttl == 0 { self.ttl } else { ttl };
        // An entry without weight would never be evicted.
        let weigh = self.options.weigh.as_ref().zip(key);
        let weight = weigh.map_or(1, |(weigh, key)| weigh(key, &value).max(1));
        let mut tags = Vec::new();
        if refusal.is_none()
            && let Some(key) = key.filter(|_| self.is_tagged())
        {
            match self.tags(key, &value) {
                Some(carried) => tags = carried,
                None => refusal = Some(NotStored::Untagged),
            }
        }
        NewEntry {
            entry: Entry::new(value, started.saturating_add(ttl), weight),
            refusal,
            tags,
        }
    }
}

/// A part of a TTL that differs from load to load: less than `jitter` times the TTL. It need not be
/// random.
fn scatter(seed: u64, ttl: Nanos, jitter: f64) -> Nanos {
    let scattered = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    scattered.checked_rem(part_of(ttl, jitter)).unwrap_or(0)
}

impl<K, V> fmt::Debug for Engine<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
