//! The settings of a cooldown in Redis.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use super::{Counters, RedisCooldown};
use crate::audit;
use crate::bus::Bus;
use crate::cache::BuildError;
use crate::cache::claims::Claim;
use crate::cache::last_answer::LastAnswer;
use crate::cache::limits::check_time;
use crate::cache::names::check_key_name;
use crate::keyspace::Keyspace;

/// Settings of a cooldown in Redis, made by [`RedisCooldown::builder`].
#[must_use = "a builder does nothing until it builds"]
#[derive(Clone)]
pub struct Builder {
    keyspace: Keyspace,
    name: String,
    place: &'static Location<'static>,
    period: Duration,
}

impl RedisCooldown {
    /// Settings of a cooldown of this length over a bus, in whole milliseconds, under a name of letters,
    /// digits, `-`, `_` and `.`, with `:` between them.
    ///
    /// It is stored under `name:key`, after the namespace of the bus if it has one. Access rules have to
    /// allow these keys, and `+set +get +pttl +del`.
    #[track_caller]
    pub fn builder(bus: &Bus, name: impl Into<String>, period: Duration) -> Builder {
        Builder {
            keyspace: Keyspace::new(bus),
            name: name.into(),
            place: Location::caller(),
            period,
        }
    }
}

impl Builder {
    /// Builds the cooldown; nothing is sent to Redis yet.
    ///
    /// # Errors
    ///
    /// When a setting is unusable. Also when a cache of this process that still lives stores
    /// something else under the same keys; the error then names both places.
    pub fn build(self) -> Result<RedisCooldown, BuildError> {
        check_key_name(&self.name)?;
        check_time(&self.name, "period", self.period)?;
        let name: Arc<str> = self.name.into();
        let prefix = self.keyspace.full(&format!("{name}:"));
        let store = self.keyspace.store();
        let claim = Claim::new::<RedisCooldown, ()>(&name, self.place, store, &prefix);
        let shared = Arc::new(Shared {
            name,
            place: self.place,
            period: self.period,
            keyspace: self.keyspace,
            _claim: claim.take()?,
            counters: Counters::default(),
            last_answer: LastAnswer::default(),
        });
        audit::enroll(&shared);
        Ok(RedisCooldown { shared })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}
