//! What the caches in memory can be set to.

use std::fmt::Display;
use std::time::Duration;

use super::due::Due;
use super::layout::Capacity;
use super::tags::{AddTags, Tag};
use super::verdict::{Judges, LoadTimeout};
use crate::barrier::Barriers;
use crate::cache::error::BuildError;
use crate::cache::limits::{check_entries, check_longest, check_time};
use crate::cache::names::check_name;
use crate::clock::{Clock, ManualClock};
use crate::defaults;
#[cfg(feature = "testing")]
use crate::driver::Driver;

/// The weight of an entry.
type Weigh<K, V> = Box<dyn Fn(&K, &V) -> u32 + Send + Sync>;
/// The TTL of a value.
type TtlBy<V> = Box<dyn Fn(&V) -> Duration + Send + Sync>;

/// The options of an engine.
pub(crate) struct Options<K, V> {
    pub(crate) ttl: Duration,
    pub(crate) capacity: Capacity,
    pub(crate) weigh: Option<Weigh<K, V>>,
    pub(crate) ttl_by: Option<TtlBy<V>>,
    /// The part of a TTL by which it may be shortened.
    pub(crate) jitter: f64,
    pub(crate) max_concurrent_loads: Option<usize>,
    /// What adds the tags of an entry.
    pub(super) tags: Vec<AddTags<K, V>>,
    pub(crate) load_wait: Duration,
    pub(crate) stale_on_error: Duration,
    /// Which errors `stale_on_error` is for.
    pub(crate) outages: Judges,
    /// When the expired entry is served although a load goes on.
    pub(crate) stale_after: Option<Duration>,
    pub(crate) load_timeout: LoadTimeout,
    /// What is loaded on schedule.
    pub(super) due: Vec<Due<K>>,
    /// The barriers of the channels that evict from the cache.
    pub(crate) barriers: Barriers,
    pub(crate) clock: Clock,
}

impl<K, V> Options<K, V> {
    pub(crate) fn new(ttl: Duration, capacity: Capacity) -> Self {
        Self {
            ttl,
            capacity,
            weigh: None,
            ttl_by: None,
            jitter: 0.0,
            max_concurrent_loads: None,
            tags: Vec::new(),
            load_wait: defaults::LOAD_WAIT,
            stale_on_error: Duration::ZERO,
            outages: Judges::default(),
            stale_after: None,
            load_timeout: LoadTimeout::default(),
            due: Vec::new(),
            barriers: Barriers::default(),
            clock: Clock::default(),
        }
    }

    pub(crate) fn set_clock(&mut self, clock: &ManualClock) {
        self.clock = Clock::Manual(clock.clone());
    }

    /// Uses the clock that drives a bus, unless another one was chosen.
    #[cfg(feature = "testing")]
    pub(crate) fn drive(&mut self, driver: &Driver) {
        if let (Some(clock), Clock::Kernel) = (driver.clock(), &self.clock) {
            self.set_clock(clock);
        }
    }

    /// Adds a TTL for each value. Of the TTLs of several functions, the shortest counts.
    pub(crate) fn add_ttl_by(&mut self, ttl_by: impl Fn(&V) -> Duration + Send + Sync + 'static)
    where
        V: 'static,
    {
        self.ttl_by = Some(match self.ttl_by.take() {
            Some(other) => Box::new(move |value| other(value).min(ttl_by(value))),
            None => Box::new(ttl_by),
        });
    }

    /// Adds tags to each entry, beside those of other functions.
    pub(crate) fn add_tags<I>(&mut self, tags: impl Fn(&K, &V) -> I + Send + Sync + 'static)
    where
        I: IntoIterator<Item: Display>,
    {
        self.tags.push(Box::new(move |key, value, all| {
            for tag in tags(key, value) {
                all.push(Tag::new(&tag)?);
            }
            Ok(())
        }));
    }

    pub(crate) fn check(&self, cache: &str) -> Result<(), BuildError> {
        let unusable = |what: String| Err(BuildError::new(cache, what));
        check_name(cache)?;
        check_time(cache, "TTL", self.ttl)?;
        match self.capacity {
            Capacity::Entries(entries) => check_entries(cache, entries)?,
            Capacity::Weight(0) => {
                return unusable("max_weight of 0: expected at least 1".to_owned());
            }
            Capacity::Weight(_) => {}
        }
        if !(0.0..1.0).contains(&self.jitter) {
            return unusable(format!(
                "ttl_jitter of {}: expected at least 0.0 and less than 1.0, as a part of the TTL",
                self.jitter
            ));
        }
        if self.max_concurrent_loads == Some(0) {
            return unusable("max_concurrent_loads of 0: expected at least 1".to_owned());
        }
        check_longest(cache, "load_wait", self.load_wait)?;
        if let Some(limit) = self.load_timeout.limit() {
            check_time(cache, "load_timeout", limit)?;
        }
        if let Some(limit) = self.stale_after {
            check_time(cache, "stale_after", limit)?;
            if self.stale_on_error.is_zero() {
                let what = "stale_after without stale_on_error: expected how old an entry may be";
                return unusable(what.to_owned());
            }
        }
        check_longest(cache, "stale_on_error", self.stale_on_error)?;
        self.check_due(cache)
    }
}

/// The setters that the builders of caches in memory share. They need `options`, `K` and `V`.
/// `default` names the default of `max_entries`.
macro_rules! common_setters {
    ($default:literal) => {
        #[doc = concat!("The most entries; [`", $default, "`](crate::", $default, ") by default.")]
        ///
        /// Beyond it, those read least are evicted.
        ///
        /// A cache of more than 512 entries is divided into parts, each with its share, so that
        /// some entries may be evicted a little earlier.
        pub fn max_entries(mut self, entries: usize) -> Self {
            self.options.capacity = Capacity::Entries(entries);
            self.options.weigh = None;
            self
        }

        /// Bounds the cache by the sum of its entries' weights instead of by their number.
        ///
        /// `weigh` returns the weight of a key and its value together, in any unit; it counts as 1
        /// at least. For a bound in bytes, it adds the bytes that key and value take. Each entry
        /// takes some 40 bytes more, which matter where entries are small.
        ///
        /// A cache of less than 2^20 is undivided. A larger one has up to 32 parts, each with its
        /// share of the weight, 2^19 at least. An entry is not stored if it weighs more than 97 %
        /// of a share, or more than 2^24 - 2. If `weigh` panics, nothing is stored.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use cache_runtime::TtlCache;
        ///
        /// # fn main() -> Result<(), cache_runtime::BuildError> {
        /// let bytes = |key: &String, value: &String| (88 + key.len() + value.len()) as u32;
        /// let pages = TtlCache::builder("pages", Duration::from_secs(60))
        ///     .max_weight(16 * 1024 * 1024, bytes)
        ///     .build()?;
        /// # pages.insert("/".to_owned(), "<html>".to_owned());
        /// # assert_eq!(pages.len(), 1);
        /// # Ok(())
        /// # }
        /// ```
        pub fn max_weight(
            mut self,
            weight: u64,
            weigh: impl Fn(&K, &V) -> u32 + Send + Sync + 'static,
        ) -> Self {
            self.options.capacity = Capacity::Weight(weight);
            self.options.weigh = Some(Box::new(weigh));
            self
        }

        /// Sets a TTL for each value; the cache's own TTL is an upper bound.
        ///
        /// A value whose TTL is zero is not stored.
        pub fn ttl_by(mut self, ttl_by: impl Fn(&V) -> Duration + Send + Sync + 'static) -> Self {
            self.options.add_ttl_by(ttl_by);
            self
        }

        /// Shortens each TTL by up to `part` of it, such as 0.1 for a tenth; 0 by default.
        ///
        /// The part differs from load to load, so that entries that were loaded together do not
        /// expire together.
        pub fn ttl_jitter(mut self, part: f64) -> Self {
            self.options.jitter = part;
            self
        }

        /// The most loads at a time; unbounded by default. A load of several keys is one.
        ///
        /// Further loads wait. This limits the load on the source, for example after everything was
        /// evicted.
        pub fn max_concurrent_loads(mut self, loads: usize) -> Self {
            self.options.max_concurrent_loads = Some(loads);
            self
        }

        /// How long a caller waits for the load of another caller of its key, and for its turn if
        /// [`max_concurrent_loads`](Self::max_concurrent_loads) is set;
        /// [`defaults::LOAD_WAIT`](crate::defaults::LOAD_WAIT) by default.
        ///
        /// A load that has taken longer is logged, and the next caller loads beside it, for whose
        /// load the others wait as long again. So a load that hangs holds up nobody for more than
        /// twice this time. Choose more than loads take: where they always take longer, one begins
        /// in each such time, and the first to end is stored.
        pub fn load_wait(mut self, wait: Duration) -> Self {
            self.options.load_wait = wait;
            self
        }

        /// Gives each entry tags, by which it is evicted: those that `tags` returns for its key and
        /// its value.
        ///
        /// A tag is the text that it displays as, so a number is the same tag whatever its type. An
        /// entry may have none. Evicting a tag costs as much as there are entries that carry it,
        /// and a lock of each part of the cache. Each entry takes some 80 bytes more, and some 40
        /// for each of its tags. If `tags` is called several times, an entry carries all tags.
        ///
        /// A load that was on its way when one of its tags was evicted is not stored, although its
        /// tags were not known then. The closure cannot return what it borrows from the value, so
        /// clone it, or collect what is displayed of it.
        ///
        /// If `tags` panics, or a tag cannot be displayed, the value is not stored, and callers
        /// receive it all the same. It is logged, and counted as
        /// [`untagged`](crate::cache::CacheStats::untagged).
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use cache_runtime::TtlCache;
        ///
        /// #[derive(Clone)]
        /// struct Member {
        ///     guild: u64,
        ///     roles: Vec<u64>,
        /// }
        ///
        /// # fn main() -> Result<(), cache_runtime::BuildError> {
        /// let members = TtlCache::builder("members", Duration::from_secs(60))
        ///     .tags(|_: &u64, member: &Member| {
        ///         let roles = member.roles.iter().map(|role| format!("role:{role}"));
        ///         roles.chain([format!("guild:{}", member.guild)]).collect::<Vec<_>>()
        ///     })
        ///     .build()?;
        /// members.insert(1, Member { guild: 7, roles: vec![3, 4] });
        /// members.insert(2, Member { guild: 7, roles: vec![4] });
        /// assert_eq!(members.remove_tag("role:3"), 1);
        /// assert_eq!(members.remove_tag("guild:7"), 1);
        /// # Ok(())
        /// # }
        /// ```
        pub fn tags<I>(mut self, tags: impl Fn(&K, &V) -> I + Send + Sync + 'static) -> Self
        where
            I: IntoIterator<Item: ::std::fmt::Display>,
        {
            self.options.add_tags(tags);
            self
        }

        /// Uses this clock, in tests.
        ///
        /// The lease of a bus uses the clock of the bus in any case: the real one, unless
        /// `BusBuilder::clock` has given it another.
        pub fn clock(mut self, clock: &ManualClock) -> Self {
            self.options.set_clock(clock);
            self
        }
    };
}

/// The setters that say what callers receive when a load fails or takes long. They need `options`.
macro_rules! failure_setters {
    () => {
        /// As [`stale_on_error`](Self::stale_on_error), where the error is an outage of the source.
        ///
        /// `is_outage` tells an outage, such as a timeout or a 503, from a refusal, such as a 403 or a
        /// 404. A refusal is an answer of the source: the caller receives it, and the old entry is
        /// removed, so that nobody is given it any more.
        ///
        /// It is for errors of its type only. It may be called for several types, with the same `age`;
        /// the last `age` counts. An error of another type is returned, is logged, and leaves the old
        /// entry as it is. [`stale_on_error`](Self::stale_on_error) makes all errors outages again.
        ///
        /// # Examples
        ///
        /// ```
        /// # use std::time::Duration;
        /// # use cache_runtime::{ManualClock, TtlCache};
        /// #[derive(Debug, PartialEq)]
        /// struct Status(u16);
        ///
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), cache_runtime::BuildError> {
        /// # let clock = ManualClock::new();
        /// let minute = Duration::from_secs(60);
        /// let pages = TtlCache::<u32, String>::builder("pages", minute)
        ///     .stale_on_error_if(60 * minute, |error: &Status| error.0 >= 500)
        /// #     .clock(&clock)
        ///     .build()?;
        /// pages.insert(1, "old".to_owned());
        /// # clock.advance(minute);
        ///
        /// // A minute later:
        /// let read = pages.try_get_or_load(&1, || async { Err(Status(503)) }).await;
        /// assert_eq!(read.unwrap(), "old");
        /// let read = pages.try_get_or_load(&1, || async { Err(Status(404)) }).await;
        /// assert_eq!(*read.unwrap_err(), Status(404));
        /// let read = pages.try_get_or_load(&1, || async { Err(Status(503)) }).await;
        /// assert_eq!(*read.unwrap_err(), Status(503));
        /// # Ok(())
        /// # }
        /// ```
        pub fn stale_on_error_if<Failure: 'static>(
            mut self,
            age: Duration,
            is_outage: impl Fn(&Failure) -> bool + Send + Sync + 'static,
        ) -> Self {
            self.options.stale_on_error = age;
            self.options.outages.add(is_outage);
            self
        }

        /// Gives up a load that takes longer than `limit`; by default a load may take any time.
        ///
        /// The loader is dropped. Its caller and those who wait for it receive what `error` makes,
        /// unless [`stale_on_error`](Self::stale_on_error) allows the expired entry. The key is free
        /// for the next caller. Such a load is logged and counted as hung.
        ///
        /// It is for calls whose errors have the type that `error` returns; call it for several types
        /// with the same limit, of which the last counts. Other calls are not limited, which is logged,
        /// and neither are those whose loader cannot fail. A future that nobody polls is given up only
        /// when it is polled again; [`load_wait`](Self::load_wait) bounds how long others wait for it.
        ///
        /// # Examples
        ///
        /// ```
        /// # use std::time::Duration;
        /// # use cache_runtime::TtlCache;
        /// # use cache_runtime::cache::LoadTimedOut;
        /// #[derive(Debug)]
        /// enum LoadFailed {
        ///     Late(LoadTimedOut),
        ///     // …
        /// }
        ///
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), cache_runtime::BuildError> {
        /// let pages = TtlCache::<u32, String>::builder("pages", Duration::from_secs(60))
        ///     .load_timeout(Duration::from_millis(10), LoadFailed::Late)
        ///     .build()?;
        /// let read = pages.try_get_or_load(&1, std::future::pending).await;
        /// let LoadFailed::Late(late) = &*read.unwrap_err();
        /// assert_eq!(late.limit(), Duration::from_millis(10));
        /// # Ok(())
        /// # }
        /// ```
        pub fn load_timeout<Failure: Send + Sync + 'static>(
            mut self,
            limit: Duration,
            error: impl Fn(LoadTimedOut) -> Failure + Send + Sync + 'static,
        ) -> Self {
            self.options.load_timeout.set(limit, error);
            self
        }

        /// Returns the old entry to those who have waited for so long for a load; by default they wait
        /// for its end, or for [`load_wait`](Self::load_wait).
        ///
        /// It is the entry that [`stale_on_error`](Self::stale_on_error) allows, which has to be set
        /// too: an entry that has expired, and never one that was evicted. If there is none, they wait
        /// on. The load goes on, and its value is stored.
        ///
        /// It applies to callers that wait for another caller's load. The caller that runs the load
        /// waits for its end: so a slow source delays one caller per key at a time. It delays none of
        /// those who call `get_or_spawn_load` or `try_get_or_spawn_load` instead.
        pub fn stale_after(mut self, limit: Duration) -> Self {
            self.options.stale_after = Some(limit);
            self
        }
    };
}

/// The setter of builders whose values may be absent.
macro_rules! negative_setter {
    () => {
        /// The TTL of values that are `None`; the TTL of the cache by default.
        ///
        /// Use it where `None` becomes outdated sooner than a value does.
        pub fn negative_ttl(mut self, ttl: Duration) -> Self {
            let negative = move |value: &Option<T>| match value {
                Some(_) => Duration::MAX,
                None => ttl,
            };
            self.options.add_ttl_by(negative);
            self
        }
    };
}

pub(crate) use {common_setters, failure_setters, negative_setter};
