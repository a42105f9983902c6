//! What the in-memory caches can be set to.

use std::time::Duration;

use super::BuildError;
use super::shape::Capacity;
use crate::clock::{Clock, ManualClock};

/// A function of the value.
type Of<V, T> = Box<dyn Fn(&V) -> T + Send + Sync>;

/// More than this is a mistake.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The settings of an engine.
pub(crate) struct Settings<V> {
    pub(crate) ttl: Duration,
    pub(crate) capacity: Capacity,
    pub(crate) weigh: Option<Of<V, u32>>,
    pub(crate) ttl_by: Option<Of<V, Duration>>,
    /// The part of a TTL by which it may be shortened.
    pub(crate) jitter: f64,
    pub(crate) max_concurrent_loads: Option<usize>,
    pub(crate) stale_on_error: Duration,
    /// How long others may wait for a load that is not stored.
    pub(crate) share_bypassed: Duration,
    pub(crate) clock: Clock,
}

impl<V> Settings<V> {
    pub(crate) fn new(ttl: Duration, capacity: Capacity) -> Self {
        Self {
            ttl,
            capacity,
            weigh: None,
            ttl_by: None,
            jitter: 0.0,
            max_concurrent_loads: None,
            stale_on_error: Duration::ZERO,
            share_bypassed: Duration::MAX,
            clock: Clock::default(),
        }
    }

    pub(crate) fn set_clock(&mut self, clock: &ManualClock) {
        self.clock = Clock::Manual(clock.clone());
    }

    /// Of several functions, the shortest TTL counts.
    pub(crate) fn add_ttl_by(&mut self, ttl_by: impl Fn(&V) -> Duration + Send + Sync + 'static)
    where
        V: 'static,
    {
        self.ttl_by = Some(match self.ttl_by.take() {
            Some(other) => Box::new(move |value| other(value).min(ttl_by(value))),
            None => Box::new(ttl_by),
        });
    }

    pub(crate) fn check(&self, cache: &str) -> Result<(), BuildError> {
        let unusable = |what: String| Err(BuildError::new(cache, what));
        if cache.is_empty() || cache.chars().any(char::is_control) {
            return unusable(format!(
                "name {cache:?}: expected at least one character, and none that is invisible"
            ));
        }
        if self.ttl < Duration::from_millis(1) || self.ttl > LONGEST {
            return unusable(format!(
                "TTL of {:?}: expected at least 1 ms and at most a year",
                self.ttl
            ));
        }
        match self.capacity {
            Capacity::Entries(0) => {
                return unusable("max_entries of 0: expected at least 1".to_owned());
            }
            Capacity::Weight(0) => {
                return unusable("max_weight of 0: expected at least 1".to_owned());
            }
            Capacity::Entries(entries) if entries > MOST_ENTRIES => {
                return unusable(format!(
                    "max_entries of {entries}: expected at most {MOST_ENTRIES}"
                ));
            }
            Capacity::Entries(_) | Capacity::Weight(_) => {}
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
        if self.stale_on_error > LONGEST {
            return unusable(format!(
                "stale-on-error age of {:?}: expected at most a year",
                self.stale_on_error
            ));
        }
        Ok(())
    }
}

/// So many that no shard runs out of numbers for its entries.
const MOST_ENTRIES: usize = 1 << 31;

/// The setters that builders of in-memory caches have in common. They need `settings` and `V`.
macro_rules! common_setters {
    () => {
        /// The most entries; [`defaults::MAX_ENTRIES`](crate::defaults::MAX_ENTRIES) by default.
        /// Beyond it, those read least go. Caches of more than 512 entries are divided into parts,
        /// each with its share, so that some may go a little earlier.
        pub fn max_entries(mut self, entries: usize) -> Self {
            self.settings.capacity = Capacity::Entries(entries);
            self.settings.weigh = None;
            self
        }

        /// Bounds the cache by the sum of what `weigh` says of its values, such as their length in
        /// bytes, instead of by the number of entries. Every entry weighs at least 1. The cache has
        /// up to 32 parts, each with its share: a value heavier than that, or than 2^24 - 2, is not
        /// stored.
        pub fn max_weight(
            mut self,
            weight: u64,
            weigh: impl Fn(&V) -> u32 + Send + Sync + 'static,
        ) -> Self {
            self.settings.capacity = Capacity::Weight(weight);
            self.settings.weigh = Some(Box::new(weigh));
            self
        }

        /// A TTL of its own for each value, where it is shorter than that of the cache.
        pub fn ttl_by(mut self, ttl_by: impl Fn(&V) -> Duration + Send + Sync + 'static) -> Self {
            self.settings.add_ttl_by(ttl_by);
            self
        }

        /// Shortens each entry's TTL by a random part, `part` of it at most (0.1 is a tenth), so that
        /// entries that were loaded together do not expire together. None by default.
        pub fn ttl_jitter(mut self, part: f64) -> Self {
            self.settings.jitter = part;
            self
        }

        /// Loads at most this many entries at a time, as after everything was evicted; further ones
        /// wait. Without bound by default.
        pub fn max_concurrent_loads(mut self, loads: usize) -> Self {
            self.settings.max_concurrent_loads = Some(loads);
            self
        }

        /// Goes by this clock, in tests. The lease of a bus does not: it is real in any case.
        pub fn clock(mut self, clock: &ManualClock) -> Self {
            self.settings.set_clock(clock);
            self
        }
    };
}

/// The setter of builders whose values may be absent.
macro_rules! negative_setter {
    () => {
        /// The TTL of values that are `None`: that there is nothing is worth caching too, and may
        /// change sooner. The cache's own by default.
        pub fn negative_ttl(mut self, ttl: Duration) -> Self {
            let negative = move |value: &Option<T>| match value {
                Some(_) => Duration::MAX,
                None => ttl,
            };
            self.settings.add_ttl_by(negative);
            self
        }
    };
}

pub(super) use {common_setters, negative_setter};
