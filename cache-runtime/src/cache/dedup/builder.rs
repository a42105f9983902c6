//! The settings of a deduplication.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::Dedup;
use super::json::Json;
use super::shared::{KeyBy, Shared};
use super::stats::Counters;
use crate::audit;
use crate::bus::Bus;
use crate::cache::BuildError;
use crate::cache::claims::Claim;
use crate::cache::last_answer::LastAnswer;
use crate::cache::limits::check_time;
use crate::cache::names::check_key_name;
use crate::defaults;
use crate::keyspace::Keyspace;

/// Settings of a deduplication, made by [`Dedup::builder`].
#[must_use = "a builder does nothing until it builds"]
#[derive(Clone)]
pub struct Builder {
    keyspace: Keyspace,
    name: String,
    place: &'static Location<'static>,
    ttl: Duration,
    key_by: Option<KeyBy>,
    codec: Json,
}

impl Dedup {
    /// Settings of a deduplication over a bus, under a name of letters, digits, `-`, `_` and `.`, with
    /// `:` between them.
    ///
    /// A reservation is stored under `name:key`, after the namespace of the bus if it has one.
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
            key_by: None,
            codec: Json::default(),
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

    /// Names the key in Redis of each reservation; `name:KEY` by default.
    ///
    /// `key_by` is given the key of a reservation, and returns what follows the namespace of the bus.
    /// So reservations can be shared with other programs. Different keys must stay different, and
    /// differ from those of every cache; that is not checked. [`size`](Dedup::size) counts the keys
    /// that begin with what is returned for the empty key.
    pub fn key_by(mut self, key_by: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.key_by = Some(Arc::new(key_by));
        self
    }

    /// How reservations are written; by default `{"owner":"…","nonce":"…"}`.
    pub fn codec(mut self, codec: Json) -> Self {
        self.codec = codec;
        self
    }

    /// Builds the deduplication; nothing is sent to Redis yet.
    ///
    /// # Errors
    ///
    /// When a setting is unusable. Also when a cache of this process that still lives stores
    /// something else under the same keys; the error then names both places.
    pub fn build(self) -> Result<Dedup, BuildError> {
        check_key_name(&self.name)?;
        check_time(&self.name, "TTL", self.ttl)?;
        if let Some(key) = self.codec.repeated() {
            let what = format!("codec: key `{key}` is there twice");
            return Err(BuildError::new(&self.name, what));
        }
        let name: Arc<str> = self.name.into();
        let claim = self.key_by.is_none().then(|| {
            let prefix = self.keyspace.full(&format!("{name}:"));
            let store = self.keyspace.store();
            Claim::new::<Dedup, Json>(&name, self.place, store, &prefix).take()
        });
        let shared = Arc::new(Shared {
            name,
            place: self.place,
            ttl: self.ttl,
            keyspace: self.keyspace,
            key_by: self.key_by,
            codec: self.codec,
            _claim: claim.transpose()?,
            counters: Counters::default(),
            last_answer: LastAnswer::default(),
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
