//! Cooldowns: what must not happen again too soon, in this process.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::RawEntryMut;

use super::error::BuildError;
use super::key::{LoadKey, LookupKey};
use super::limits::{check_entries, check_time};
use super::names::check_name;
use crate::audit::{self, Audited, Bound, Described, Kind, State};
use crate::clock::{Clock, ManualClock, Nanos, nanos};
use crate::counters::{count, counters};
use crate::defaults;
use crate::sync::Mutex;

/// How many ended cooldowns each call removes: more than a call adds, so that they do not pile up.
const SWEPT: usize = 2;
/// An empty map gives back its memory if it has room for more than this many keys.
const KEPT: usize = 1024;

/// When each cooldown was started, in the order of these times.
type Started<K> = LinkedHashMap<K, Nanos, RandomState>;

/// Keeps what was done for a key from being done again too soon.
///
/// For rate limits that each instance keeps by itself, such as one notification per hour and user.
/// Other instances have cooldowns of their own, so `n` instances allow `n` times as much. Clones
/// are the same cooldown.
///
/// It is bounded. When it is full, the cooldown that was started first is forgotten, ended or not,
/// and its key may start again. It has no task: every call removes up to two cooldowns that have
/// ended. Times are accurate to a few milliseconds.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::cooldown::Start;
/// use cache_runtime::{Cooldown, ManualClock};
///
/// # fn main() -> Result<(), cache_runtime::BuildError> {
/// let clock = ManualClock::new();
/// let notified = Cooldown::<String>::builder("notified", Duration::from_secs(60 * 60))
///     .clock(&clock) // in tests
///     .build()?;
///
/// assert_eq!(notified.try_start("ada"), Start::Started); // notify her
/// clock.advance(Duration::from_secs(60));
/// let left = Duration::from_secs(59 * 60);
/// assert_eq!(notified.try_start("ada"), Start::Remaining(left));
/// assert_eq!(notified.try_start("bob"), Start::Started);
/// # Ok(())
/// # }
/// ```
pub struct Cooldown<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    name: Arc<str>,
    place: &'static Location<'static>,
    period: Duration,
    max_entries: usize,
    clock: Clock,
    started: Mutex<Started<K>>,
    counters: Counters,
}

counters! {
    /// What has happened in a [`Cooldown`] since it was built.
    pub struct CooldownStats from Counters {
        counted {
            /// Calls that started the cooldown of their key.
            started,
            /// Calls that found the cooldown of their key going on.
            refused,
            /// Cooldowns that were going on when they were forgotten, because there were too many.
            forgotten,
        }
    }
}

/// The answer of [`Cooldown::try_start`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it says whether what is limited may be done"]
pub enum Start {
    /// The cooldown was started now: do it.
    Started,
    /// It was started before and goes on for this long: do not.
    Remaining(Duration),
}

impl Start {
    /// Whether this call started the cooldown.
    #[must_use]
    pub const fn is_started(self) -> bool {
        matches!(self, Self::Started)
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> Cooldown<K> {
    /// Settings of a cooldown of this length; audits and errors show the name.
    #[track_caller]
    pub fn builder(name: &str, period: Duration) -> Builder<K> {
        Builder {
            name: name.into(),
            place: Location::caller(),
            period,
            max_entries: defaults::MAX_ENTRIES,
            clock: Clock::default(),
            key: PhantomData,
        }
    }

    /// Starts the cooldown of a key, unless it was started before and goes on.
    ///
    /// Of several callers at the same time, one starts it.
    pub fn try_start<Q>(&self, key: &Q) -> Start
    where
        Q: LoadKey<K> + ?Sized,
    {
        let shared = &*self.shared;
        // Removed keys are dropped after the lock is released: dropping a key is the user's code.
        let mut swept = Swept::default();
        let forgotten;
        let mut started = shared.started.lock();
        let now = shared.sweep(&mut started, &mut swept);
        if let RawEntryMut::Occupied(mut entry) = find(&mut started, key) {
            if let Some(left) = shared.left(*entry.get(), now) {
                count(&shared.counters.refused);
                return Start::Remaining(left);
            }
            count(&shared.counters.started);
            *entry.get_mut() = now;
            entry.to_back();
            return Start::Started;
        }
        let owned = key.to_owned();
        if started.len() >= shared.max_entries {
            forgotten = started.pop_front();
            if let Some((_, at)) = &forgotten
                && shared.left(*at, now).is_some()
            {
                count(&shared.counters.forgotten);
            }
        }
        count(&shared.counters.started);
        started.insert(owned, now);
        Start::Started
    }

    /// How long the cooldown of a key still goes on; `None` if it may be started.
    #[must_use]
    pub fn remaining<Q>(&self, key: &Q) -> Option<Duration>
    where
        Q: LookupKey<K> + ?Sized,
    {
        let shared = &*self.shared;
        let mut swept = Swept::default();
        let mut started = shared.started.lock();
        let now = shared.sweep(&mut started, &mut swept);
        match find(&mut started, key) {
            RawEntryMut::Occupied(entry) => shared.left(*entry.get(), now),
            RawEntryMut::Vacant(_) => None,
        }
    }

    /// Ends the cooldown of a key; returns whether it was going on.
    pub fn reset<Q>(&self, key: &Q) -> bool
    where
        Q: LookupKey<K> + ?Sized,
    {
        let shared = &*self.shared;
        let mut swept = Swept::default();
        let removed;
        let mut started = shared.started.lock();
        let now = shared.sweep(&mut started, &mut swept);
        removed = match find(&mut started, key) {
            RawEntryMut::Occupied(entry) => Some(entry.remove_entry()),
            RawEntryMut::Vacant(_) => None,
        };
        swept.map = replaced(&mut started);
        drop(started);
        removed.is_some_and(|(_key, at)| shared.left(at, now).is_some())
    }

    /// The number of cooldowns, including those that have ended and were not removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.started.lock().len()
    }

    /// Whether there is no cooldown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has happened in the cooldown.
    #[must_use]
    pub fn stats(&self) -> CooldownStats {
        self.shared.counters.snapshot()
    }

    /// The name given to [`builder`](Self::builder).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The length of every cooldown.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.shared.period
    }
}

/// Finds the entry of a borrowed key.
fn find<'a, K, Q>(started: &'a mut Started<K>, key: &Q) -> RawEntryMut<'a, K, Nanos, RandomState>
where
    K: Hash + Eq,
    Q: LookupKey<K> + ?Sized,
{
    let hash = started.hasher().hash_one(key);
    let entry = started.raw_entry_mut();
    entry.from_hash(hash, |own| key.equivalent(own))
}

/// What a call removes, to be dropped after the lock is released.
struct Swept<K> {
    keys: [Option<K>; SWEPT],
    map: Option<Started<K>>,
}

impl<K> Default for Swept<K> {
    fn default() -> Self {
        Self {
            keys: [const { None }; SWEPT],
            map: None,
        }
    }
}

/// The map, if it is empty and large, so that its memory can be freed. A new one takes its place.
fn replaced<K: Hash + Eq>(started: &mut Started<K>) -> Option<Started<K>> {
    (started.is_empty() && started.capacity() > KEPT).then(|| std::mem::take(started))
}

impl<K> Shared<K> {
    /// What is left of a cooldown that was started at `at`.
    fn left(&self, at: Nanos, now: Nanos) -> Option<Duration> {
        let left = (at + nanos(self.period)).saturating_sub(now);
        (left > 0).then(|| Duration::from_nanos(left))
    }
}

impl<K: Hash + Eq> Shared<K> {
    /// Removes some ended cooldowns, and returns the time. The time is read under the lock, so that
    /// the map is in the order of its times.
    fn sweep(&self, started: &mut Started<K>, swept: &mut Swept<K>) -> Nanos {
        let now = self.clock.now();
        for key in &mut swept.keys {
            let first = started.front();
            if first.is_none_or(|(_, at)| self.left(*at, now).is_some()) {
                break;
            }
            *key = started.pop_front().map(|(key, _)| key);
        }
        swept.map = replaced(started);
        now
    }
}

impl<K: Send + Sync> Audited for Shared<K> {
    fn describe(&self) -> Described {
        Described {
            name: Arc::clone(&self.name),
            kind: Kind::Cooldown,
            place: self.place,
            ttl: Some(self.period),
            bound: Bound::Entries(self.max_entries as u64),
            entries: Some(self.started.lock().len() as u64),
            hits: 0,
            misses: 0,
            evictions: None,
            reloads: None,
            evicted_by: Vec::new(),
            state: State::Local,
            bus: None,
        }
    }

    #[cfg(any(feature = "metrics", feature = "otel"))]
    fn measure(&self, samples: &mut crate::telemetry::Samples) {
        use crate::telemetry::instruments::{COOLDOWNS, COOLDOWNS_FORGOTTEN, COOLDOWNS_KEPT};

        let stats = self.counters.snapshot();
        let mut of = samples.of(&[("cooldown.name", &self.name)]);
        of.count_by(&COOLDOWNS, "cooldown.result", "started", stats.started);
        of.count_by(&COOLDOWNS, "cooldown.result", "refused", stats.refused);
        of.count(&COOLDOWNS_FORGOTTEN, stats.forgotten);
        of.amount(&COOLDOWNS_KEPT, self.started.lock().len() as u64);
    }
}

impl<K> Clone for Cooldown<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K> fmt::Debug for Cooldown<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cooldown")
            .field("name", &self.shared.name)
            .field("period", &self.shared.period)
            .field("entries", &self.shared.started.lock().len())
            .finish_non_exhaustive()
    }
}

/// Settings of a [`Cooldown`].
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<K> {
    name: String,
    place: &'static Location<'static>,
    period: Duration,
    max_entries: usize,
    clock: Clock,
    key: PhantomData<fn(K)>,
}

impl<K: Hash + Eq + Send + Sync + 'static> Builder<K> {
    /// The most keys; [`defaults::MAX_ENTRIES`] by default.
    ///
    /// If one more is started, the cooldown that was started first is forgotten.
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }

    /// Uses this clock, in tests.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Clock::Manual(clock.clone());
        self
    }

    /// Builds the cooldown.
    ///
    /// # Errors
    ///
    /// When a setting is unusable; the error names the cooldown and the setting.
    pub fn build(self) -> Result<Cooldown<K>, BuildError> {
        check_name(&self.name)?;
        check_time(&self.name, "period", self.period)?;
        check_entries(&self.name, self.max_entries)?;
        let shared = Arc::new(Shared {
            name: self.name.into(),
            place: self.place,
            period: self.period,
            max_entries: self.max_entries,
            clock: self.clock,
            started: Mutex::default(),
            counters: Counters::default(),
        });
        audit::enroll(&shared);
        Ok(Cooldown { shared })
    }
}

impl<K> fmt::Debug for Builder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("period", &self.period)
            .field("max_entries", &self.max_entries)
            .finish_non_exhaustive()
    }
}
