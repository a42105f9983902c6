//! The settings of a deduplication.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::Dedup;
use super::shared::Shared;
use crate::audit;
use crate::bus::Bus;
use crate::cache::BuildError;
use crate::cache::limits::check_time;
use crate::cache::names::check_key_name;
use crate::defaults;
use crate::keyspace::Keyspace;
use crate::sync::Mutex;

/// Settings of a deduplication, made by [`Dedup::builder`].
#[must_use = "a builder does nothing until it builds"]
#[derive(Clone)]
pub struct Builder {
    keyspace: Keyspace,
    name: String,
    place: &'static Location<'static>,
    ttl: Duration,
}

impl Dedup {
    /// Settings of a deduplication over a bus, under a name of letters, digits, `-`, `_` and `.`.
    ///
    /// A reservation is stored under `name:d:key`, after the namespace of the bus if it has one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Bus, Dedup};
    ///
    /// # fn main() -> Result<(), cache_runtime::BuildError> {
    /// let bus = Bus::in_process();
    /// let orders = Dedup::builder(&bus, "orders").ttl(Duration::from_secs(30)).build()?;
    ///
    /// let error = Dedup::builder(&bus, "the orders").build().unwrap_err();
    /// assert!(error.to_string().contains("name"));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn builder(bus: &Bus, name: impl Into<String>) -> Builder {
        Builder {
            keyspace: Keyspace::new(bus),
            name: name.into(),
            place: Location::caller(),
            ttl: defaults::DEDUP_TTL,
        }
    }
}

impl Builder {
    /// How long a key stays reserved, in whole milliseconds; [`defaults::DEDUP_TTL`] by default.
    ///
    /// It should be longer than a duplicate may take to arrive, and shorter than the time after
    /// which an equal request is a new one.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Builds the deduplication; nothing is sent to Redis yet.
    ///
    /// # Errors
    ///
    /// When the name or the TTL is unusable.
    pub fn build(self) -> Result<Dedup, BuildError> {
        check_key_name(&self.name)?;
        check_time(&self.name, "TTL", self.ttl)?;
        let shared = Arc::new(Shared {
            name: self.name.into(),
            place: self.place,
            ttl: self.ttl,
            keyspace: self.keyspace,
            reserved: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            failed: Mutex::new(None),
        });
        audit::enroll(&shared);
        Ok(Dedup { shared })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
