//! The settings of a cooldown.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{Cooldown, Counters, Shared};
use crate::audit;
use crate::cache::error::BuildError;
use crate::cache::limits::{check_entries, check_time};
use crate::cache::names::check_name;
use crate::clock::{Clock, ManualClock};
use crate::defaults;
use crate::sync::Mutex;

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
    /// If one more is started, the cooldown that was started first is forgotten; one that was started
    /// [for a time](Cooldown::start_for) only if there are no others.
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
            known: Mutex::default(),
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
