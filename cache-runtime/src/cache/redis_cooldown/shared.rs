//! What the clones of a cooldown share.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::Counters;
use super::error::{Doing, RedisCooldownError};
use crate::cache::claims::Claim;
use crate::cache::last_answer::LastAnswer;
use crate::counters::count;
use crate::health::Cause;
use crate::keyspace::Keyspace;

pub(super) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) period: Duration,
    pub(super) keyspace: Keyspace,
    /// Kept so that no cache takes the keys meanwhile.
    pub(super) _claim: Arc<Claim>,
    pub(super) counters: Counters,
    pub(super) last_answer: LastAnswer,
}

impl Shared {
    /// The key in Redis, after the namespace.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}:{key}", self.name)
    }

    /// The answer to a command, or the error that callers receive.
    pub(super) fn checked<T>(
        &self,
        doing: Doing,
        key: &str,
        answer: Result<T, Cause>,
    ) -> Result<T, RedisCooldownError> {
        self.last_answer.note(answer).map_err(|cause| {
            count(&self.counters.failed);
            RedisCooldownError::new(&self.name, doing, key, cause)
        })
    }
}
