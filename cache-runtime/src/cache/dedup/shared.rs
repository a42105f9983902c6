//! What the clones of a deduplication share.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::error::{DedupError, Doing, Reason};
use super::json::Json;
use super::stats::Counters;
use crate::cache::claims::Claim;
use crate::cache::last_answer::LastAnswer;
use crate::counters::count;
use crate::health::Cause;
use crate::keyspace::Keyspace;

/// The whole key of a reservation, after the namespace.
pub(super) type KeyBy = Arc<dyn Fn(&str) -> String + Send + Sync>;

pub(super) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) ttl: Duration,
    pub(super) keyspace: Keyspace,
    pub(super) key_by: Option<KeyBy>,
    pub(super) codec: Json,
    /// Kept so that no cache takes the keys meanwhile.
    pub(super) _claim: Option<Arc<Claim>>,
    pub(super) counters: Counters,
    pub(super) last_answer: LastAnswer,
}

impl Shared {
    /// The key in Redis, after the namespace.
    pub(super) fn key(&self, key: &str) -> String {
        match &self.key_by {
            Some(key_by) => key_by(key),
            None => format!("{}:{key}", self.name),
        }
    }

    /// The owner of the reservation that a key holds.
    pub(super) fn owner(
        &self,
        doing: Doing,
        key: &str,
        stored: &[u8],
    ) -> Result<String, DedupError> {
        self.codec
            .decode(stored)
            .map_err(|found| self.failed(doing, key, Reason::Unreadable(found.into())))
    }

    /// The answer to a command, or the error that callers receive.
    pub(super) fn checked<T>(
        &self,
        doing: Doing,
        key: &str,
        answer: Result<T, Cause>,
    ) -> Result<T, DedupError> {
        self.last_answer
            .note(answer)
            .map_err(|cause| self.failed(doing, key, Reason::Redis(cause)))
    }

    fn failed(&self, doing: Doing, key: &str, reason: Reason) -> DedupError {
        count(&self.counters.failed);
        DedupError::new(&self.name, doing, key, reason)
    }
}
