//! What the clones of a cooldown share.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::Counters;
use super::error::{Doing, RedisCooldownError};
use crate::cache::claims::Claim;
use crate::counters::count;
use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::sync::Mutex;

pub(super) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) period: Duration,
    pub(super) keyspace: Keyspace,
    /// Kept so that no cache takes the keys meanwhile.
    pub(super) _claim: Arc<Claim>,
    pub(super) counters: Counters,
    /// Why the latest command failed; `None` if it succeeded.
    pub(super) failed: Mutex<Option<Cause>>,
}

impl Shared {
    /// The key in Redis, after the namespace.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}:{key}", self.name)
    }

    /// Remembers whether a command failed, for audits.
    pub(super) fn checked<T>(
        &self,
        doing: Doing,
        key: &str,
        answer: Result<T, Cause>,
    ) -> Result<T, RedisCooldownError> {
        *self.failed.lock() = answer.as_ref().err().cloned();
        answer.map_err(|cause| {
            count(&self.counters.failed);
            RedisCooldownError::new(&self.name, doing, key, cause)
        })
    }
}
