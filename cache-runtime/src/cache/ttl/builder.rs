//! The settings of a cache for what may be stale for a while.

use std::fmt;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::TtlCache;
use super::shared::Shared;
use crate::audit;
use crate::cache::error::{BuildError, LoadTimedOut};
use crate::cache::memory::{
    Capacity, Engine, Handle, Loaders, Options, common_setters, failure_setters, negative_setter,
    refresh_setter,
};
use crate::clock::{Clock, ManualClock};
use crate::defaults;

/// Settings of a [`TtlCache`].
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<K, V> {
    name: String,
    place: &'static Location<'static>,
    options: Options<K, V>,
    loaders: Loaders<K, V>,
}

impl<K, V> TtlCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Settings of a cache whose entries live for `ttl` at most.
    ///
    /// It holds [`defaults::TTL_CACHE_ENTRIES`] entries unless the builder says otherwise. Audits
    /// and errors show the name, and [`Bus::audit`](crate::Bus::audit) reports caches of the same
    /// name in other instances.
    #[track_caller]
    pub fn builder(name: &str, ttl: Duration) -> Builder<K, V> {
        let capacity = Capacity::Entries(defaults::TTL_CACHE_ENTRIES);
        let mut options = Options::new(ttl, capacity);
        options.clock = Clock::Ticker;
        Builder {
            name: name.into(),
            place: Location::caller(),
            options,
            loaders: Loaders::new(),
        }
    }
}

impl<K, V> Builder<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Returns the old entry where a loader fails, if it expired no longer than `age` ago; off by
    /// default.
    pub fn stale_on_error(mut self, age: Duration) -> Self {
        self.options.stale_on_error = age;
        self.options.outages.clear();
        self
    }

    failure_setters!();

    refresh_setter!();

    common_setters!("defaults::TTL_CACHE_ENTRIES");

    /// Builds the cache.
    ///
    /// # Errors
    ///
    /// When a setting is unusable; the error names the cache and the setting.
    pub fn build(self) -> Result<TtlCache<K, V>, BuildError>
    where
        K: fmt::Debug,
    {
        self.options.check(&self.name)?;
        let name: Arc<str> = self.name.into();
        let shared = Arc::new(Shared {
            place: self.place,
            engine: Engine::new(&name, self.options),
            name,
        });
        let handle = Handle::start(&shared, self.loaders, |_| {});
        audit::enroll(&handle);
        Ok(TtlCache { shared, handle })
    }
}

impl<K, T> Builder<K, Option<T>>
where
    K: Hash + Eq + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    negative_setter!();
}

impl<K, V> fmt::Debug for Builder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("ttl", &self.options.ttl)
            .finish_non_exhaustive()
    }
}
