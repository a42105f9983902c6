//! What a deduplication can be set to.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Dedup, Inner};
use crate::audit::{self, Audited};
use crate::bus::Bus;
use crate::cache::BuildError;
use crate::defaults;
use crate::keyspace::Keyspace;

/// More than this is a mistake.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Settings of a deduplication, made by [`Dedup::builder`].
#[must_use = "a builder does nothing until it builds"]
#[derive(Clone)]
pub struct Builder {
    kv: Keyspace,
    name: String,
    place: &'static Location<'static>,
    ttl: Duration,
}

impl Builder {
    pub(super) fn new(bus: &Bus, name: String, place: &'static Location<'static>) -> Self {
        Self {
            kv: Keyspace::new(bus),
            name,
            place,
            ttl: defaults::DEDUP_TTL,
        }
    }

    /// How long a key stays reserved, in whole milliseconds; [`defaults::DEDUP_TTL`] by default.
    ///
    /// Longer than the same request may take to arrive again, and shorter than it takes until
    /// somebody wants the same once more.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// The deduplication. It asks the bus nothing yet.
    ///
    /// # Errors
    ///
    /// When the name or the TTL is unusable.
    pub fn build(self) -> Result<Dedup, BuildError> {
        crate::cache::names::check_key_name(&self.name)?;
        if self.ttl < Duration::from_millis(1) || self.ttl > LONGEST {
            let what = format!(
                "TTL of {:?}: expected at least a millisecond and at most a year",
                self.ttl
            );
            return Err(BuildError::new(&self.name, what));
        }
        let inner = Arc::new(Inner {
            name: self.name.into(),
            place: self.place,
            ttl: self.ttl,
            kv: self.kv,
            reserved: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            failed: Mutex::new(None),
        });
        let audited: Arc<dyn Audited> = Arc::clone(&inner) as _;
        audit::enroll(Arc::downgrade(&audited));
        Ok(Dedup { inner })
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
