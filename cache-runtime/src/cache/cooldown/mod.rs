//! Cool-downs: what must not happen again too soon, in this process.

mod aged;

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use equivalent::Equivalent;

use super::BuildError;
use super::keys::hash;
use crate::audit::{self, Audited, Bound, Described, Kind, State};
use crate::clock::{Clock, ManualClock, Nanos, nanos};
use crate::defaults;
use aged::Aged;

/// More than this is a mistake.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// What positions in a list are counted in has room for this many.
const MOST_ENTRIES: usize = 1 << 31;
/// How many that are over are swept with every call: more than come with one, so that they go.
const SWEPT: usize = 2;

/// Keeps what was done for a key from being done again too soon.
///
/// For rate limits that each instance keeps by itself, such as one notification an hour and user:
/// it knows nothing of other instances, and `n` of them allow `n` times as much. Clones are the
/// same cool-down.
///
/// It is bounded: when it is full, what is over makes room, or else the cool-down that was started
/// first is forgotten, and its key may start anew. There is no task behind it: with every call, up
/// to two cool-downs that are over are swept. Times are good to a few milliseconds.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{Cooldown, ManualClock, Start};
///
/// # fn main() -> Result<(), cache_runtime::BuildError> {
/// let clock = ManualClock::new();
/// let notified = Cooldown::<String>::builder(Duration::from_secs(60 * 60))
///     .name("notified")
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
    inner: Arc<Inner<K>>,
}

struct Inner<K> {
    name: Arc<str>,
    place: &'static Location<'static>,
    period: Duration,
    max_entries: usize,
    clock: Clock,
    /// In the order in which they were started, and so in which they will be over.
    started: Mutex<Aged<K>>,
}

/// What became of [`Cooldown::try_start`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it says whether what is limited may be done"]
pub enum Start {
    /// The cool-down was started: do it.
    Started,
    /// It was started before, and goes on for this long: do not.
    Remaining(Duration),
}

impl Start {
    /// Whether the cool-down was started by this call.
    #[must_use]
    pub const fn is_started(self) -> bool {
        matches!(self, Self::Started)
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> Cooldown<K> {
    /// A cool-down of this length with the defaults: no name, and [`defaults::MAX_ENTRIES`] keys.
    ///
    /// # Panics
    ///
    /// When `period` is zero or longer than a year.
    #[must_use]
    #[track_caller]
    pub fn new(period: Duration) -> Self {
        match Self::builder(period).build() {
            Ok(cooldown) => cooldown,
            Err(error) => panic!("{error}"),
        }
    }

    /// Settings of a cool-down of this length.
    #[track_caller]
    pub fn builder(period: Duration) -> Builder<K> {
        Builder {
            name: None,
            place: Location::caller(),
            period,
            max_entries: defaults::MAX_ENTRIES,
            clock: Clock::default(),
            key: PhantomData,
        }
    }

    /// Starts the cool-down of a key unless it goes on. Of callers at the same time, one starts it.
    pub fn try_start<Q>(&self, key: &Q) -> Start
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let inner = &*self.inner;
        let hash = hash(key);
        // Dropped after the lock is: dropping a key is the user's code.
        let mut swept = [const { None }; SWEPT];
        let _forgotten;
        let mut started = inner.lock();
        let now = inner.sweep(&mut started, &mut swept);
        if let Some(at) = started.get(hash, key) {
            if let Some(left) = inner.left(at, now) {
                return Start::Remaining(left);
            }
            started.renew(hash, key, now);
            return Start::Started;
        }
        let owned = key.to_owned();
        if started.len() >= inner.max_entries {
            _forgotten = started.pop();
        }
        started.push(hash, owned, now);
        Start::Started
    }

    /// How long the cool-down of a key goes on; `None` if it may be started.
    #[must_use]
    pub fn remaining<Q>(&self, key: &Q) -> Option<Duration>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let inner = &*self.inner;
        let hash = hash(key);
        let mut swept = [const { None }; SWEPT];
        let mut started = inner.lock();
        let now = inner.sweep(&mut started, &mut swept);
        let at = started.get(hash, key)?;
        inner.left(at, now)
    }

    /// Ends the cool-down of a key; returns whether there was one.
    pub fn reset<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let inner = &*self.inner;
        let hash = hash(key);
        let mut swept = [const { None }; SWEPT];
        let removed;
        let mut started = inner.lock();
        let now = inner.sweep(&mut started, &mut swept);
        removed = started.remove(hash, key);
        drop(started);
        removed.is_some_and(|(_key, at)| inner.left(at, now).is_some())
    }

    /// How many cool-downs there are, those included that are over and were not swept yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.lock().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name; without one, the place where the cool-down was built.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The length of every cool-down.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.inner.period
    }
}

impl<K> Inner<K> {
    fn lock(&self) -> MutexGuard<'_, Aged<K>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is left of a cool-down that was started at this time.
    fn left(&self, at: Nanos, now: Nanos) -> Option<Duration> {
        let left = (at + nanos(self.period)).saturating_sub(now);
        (left > 0).then(|| Duration::from_nanos(left))
    }

    /// Takes some of what is over, and returns the time: read under the lock, so that what comes
    /// later is started later.
    fn sweep(&self, started: &mut Aged<K>, swept: &mut [Option<K>; SWEPT]) -> Nanos {
        let now = self.clock.now();
        for swept in swept {
            let over = started
                .oldest()
                .is_some_and(|at| self.left(at, now).is_none());
            if !over {
                break;
            }
            *swept = started.pop();
        }
        now
    }
}

impl<K: Send + Sync> Audited for Inner<K> {
    fn describe(&self) -> Described {
        Described {
            name: Arc::clone(&self.name),
            kind: Kind::Cooldown,
            place: self.place,
            ttl: Some(self.period),
            bound: Bound::Entries(self.max_entries as u64),
            entries: Some(self.lock().len() as u64),
            hits: 0,
            misses: 0,
            evicted_by: Vec::new(),
            state: State::Local,
            bus: None,
        }
    }
}

impl<K> Clone for Cooldown<K> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<K> fmt::Debug for Cooldown<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cooldown")
            .field("name", &self.inner.name)
            .field("period", &self.inner.period)
            .field("entries", &self.inner.lock().len())
            .finish_non_exhaustive()
    }
}

/// Settings of a [`Cooldown`].
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<K> {
    name: Option<String>,
    place: &'static Location<'static>,
    period: Duration,
    max_entries: usize,
    clock: Clock,
    key: PhantomData<fn(K)>,
}

impl<K: Hash + Eq + Send + Sync + 'static> Builder<K> {
    /// The name under which [`audit`](crate::audit()) lists the cool-down.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The most keys that it remembers; [`defaults::MAX_ENTRIES`] by default. One more, and the
    /// cool-down that was started first is forgotten, over or not.
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }

    /// Goes by this clock, in tests.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Clock::Manual(clock.clone());
        self
    }

    /// The cool-down.
    ///
    /// # Errors
    ///
    /// When a setting is unusable; the error names the cool-down and the setting.
    pub fn build(self) -> Result<Cooldown<K>, BuildError> {
        let place = || format!("{}:{}", self.place.file(), self.place.line());
        let name = self.name.unwrap_or_else(place);
        if name.is_empty() || name.chars().any(char::is_control) {
            let what = "expected at least one character, and none that is invisible";
            return Err(BuildError::new(&name, format!("name {name:?}: {what}")));
        }
        if self.period.is_zero() || self.period > LONGEST {
            let what = "expected more than zero and at most a year";
            let what = format!("period of {:?}: {what}", self.period);
            return Err(BuildError::new(&name, what));
        }
        if !(1..=MOST_ENTRIES).contains(&self.max_entries) {
            let entries = self.max_entries;
            let what = format!("max_entries of {entries}: expected 1 to {MOST_ENTRIES}");
            return Err(BuildError::new(&name, what));
        }
        let inner = Arc::new(Inner {
            name: name.into(),
            place: self.place,
            period: self.period,
            max_entries: self.max_entries,
            clock: self.clock,
            started: Mutex::new(Aged::new()),
        });
        let audited: Weak<Inner<K>> = Arc::downgrade(&inner);
        audit::enroll(audited);
        Ok(Cooldown { inner })
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
