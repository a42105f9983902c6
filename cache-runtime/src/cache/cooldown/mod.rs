//! Cooldowns: what must not happen again too soon, in this process.

mod builder;
mod known;
mod named;

use std::fmt;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::key::{LoadKey, LookupKey};
use crate::audit::{Audited, Bound, Described, Kind, State};
use crate::clock::{Clock, Nanos, nanos};
use crate::counters::{count, counters};
use crate::sync::Mutex;
pub use builder::Builder;
use known::{Known, Removed};

/// Keeps what was done for a key from being done again too soon.
///
/// For rate limits that each instance keeps by itself, such as one notification per hour and user.
/// Other instances have cooldowns of their own, so `n` instances allow `n` times as much; a
/// [`RedisCooldown`](crate::RedisCooldown) is for all of them. Clones are the same cooldown.
///
/// It is bounded. When it is full, the cooldown that was started first is forgotten, ended or not,
/// and its key may start again. Those that were started [for a time](Self::start_for) are forgotten
/// last. It has no task: every call removes some cooldowns that have ended. Times are accurate to a few
/// milliseconds.
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
    known: Mutex<Known<K>>,
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
    /// Starts the cooldown of a key, unless it was started before and goes on.
    ///
    /// Of several callers at the same time, one starts it.
    pub fn try_start<Q>(&self, key: &Q) -> Start
    where
        Q: LoadKey<K> + ?Sized,
    {
        let shared = &*self.shared;
        shared.step(|known, removed, now| {
            if let Some(end) = known.end(key)
                && let Some(left) = left(end, now)
            {
                count(&shared.counters.refused);
                return Start::Remaining(left);
            }
            shared.make_room(known, key, now, removed);
            known.start(key, now + nanos(shared.period), removed);
            count(&shared.counters.started);
            Start::Started
        })
    }

    /// Starts the cooldown of a key for a time of its own, from now on, such as a provider has named it
    /// in `Retry-After`. What was left of the key's cooldown does not count any more. A time of zero ends
    /// it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::Cooldown;
    /// # use cache_runtime::cooldown::Start;
    /// # fn main() -> Result<(), cache_runtime::BuildError> {
    /// let asked = Cooldown::<String>::builder("asked", Duration::from_secs(1)).build()?;
    /// asked.start_for("provider", Duration::from_secs(30)); // it has answered 429
    /// assert!(matches!(asked.try_start("provider"), Start::Remaining(_)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_for<Q>(&self, key: &Q, time: Duration)
    where
        Q: LoadKey<K> + ?Sized,
    {
        let shared = &*self.shared;
        shared.step(|known, removed, now| {
            if time.is_zero() {
                known.remove(key, removed);
                return;
            }
            shared.make_room(known, key, now, removed);
            known.start_until(key, now.saturating_add(nanos(time)), removed);
            count(&shared.counters.started);
        });
    }

    /// How long the cooldown of a key still goes on; `None` if it may be started.
    #[must_use]
    pub fn remaining<Q>(&self, key: &Q) -> Option<Duration>
    where
        Q: LookupKey<K> + ?Sized,
    {
        let step = |known: &mut Known<K>, _: &mut _, now| left(known.end(key)?, now);
        self.shared.step(step)
    }

    /// Ends the cooldown of a key; returns whether it was going on.
    pub fn reset<Q>(&self, key: &Q) -> bool
    where
        Q: LookupKey<K> + ?Sized,
    {
        self.shared.step(|known, removed, now| {
            let end = known.remove(key, removed);
            end.is_some_and(|end| left(end, now).is_some())
        })
    }

    /// The number of cooldowns, including those that have ended and were not removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.known.lock().len()
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

    /// The length of a cooldown that [`try_start`](Self::try_start) starts.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.shared.period
    }
}

/// What is left of a cooldown.
fn left(end: Nanos, now: Nanos) -> Option<Duration> {
    let left = end.saturating_sub(now);
    (left > 0).then(|| Duration::from_nanos(left))
}

impl<K: Hash + Eq> Shared<K> {
    /// Takes a step at the present time, after some ended cooldowns have been removed. The time is read
    /// under the lock, so that the cooldowns are in the order of their ends.
    fn step<T>(&self, step: impl FnOnce(&mut Known<K>, &mut Removed<K>, Nanos) -> T) -> T {
        // Dropped after the lock is released, because dropping a key is the user's code.
        let mut removed = Removed::default();
        let mut known = self.known.lock();
        let now = self.clock.now();
        known.sweep(now, &mut removed);
        step(&mut known, &mut removed, now)
    }

    /// Forgets a cooldown if there is no room for the key.
    fn make_room<Q>(&self, known: &mut Known<K>, key: &Q, now: Nanos, removed: &mut Removed<K>)
    where
        Q: LookupKey<K> + ?Sized,
    {
        if known.len() < self.max_entries || known.end(key).is_some() {
            return;
        }
        let end = known.forget(removed);
        if end.is_some_and(|end| left(end, now).is_some()) {
            count(&self.counters.forgotten);
        }
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
            entries: Some(self.known.lock().len() as u64),
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
        of.amount(&COOLDOWNS_KEPT, self.known.lock().len() as u64);
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
            .field("entries", &self.shared.known.lock().len())
            .finish_non_exhaustive()
    }
}
