//! What the clones of a deduplication share.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::error::{DedupError, Doing, Reason};
use super::stored;
use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::sync::Mutex;

pub(super) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) ttl: Duration,
    pub(super) keyspace: Keyspace,
    pub(super) reserved: AtomicU64,
    pub(super) duplicates: AtomicU64,
    /// Why the latest command failed; `None` if it succeeded.
    pub(super) failed: Mutex<Option<Cause>>,
}

impl Shared {
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}:d:{key}", self.name)
    }

    /// The owner of the reservation that a key holds.
    pub(super) fn owner(
        &self,
        doing: Doing,
        key: &str,
        stored: &[u8],
    ) -> Result<String, DedupError> {
        stored::decode(stored).map_err(|found| {
            let reason = Reason::Unreadable(found.into());
            DedupError::new(&self.name, doing, key, reason)
        })
    }

    /// Remembers whether a command failed, for audits.
    pub(super) fn checked<T>(
        &self,
        doing: Doing,
        key: &str,
        answer: Result<T, Cause>,
    ) -> Result<T, DedupError> {
        *self.failed.lock() = answer.as_ref().err().cloned();
        answer.map_err(|cause| DedupError::new(&self.name, doing, key, Reason::Redis(cause)))
    }
}
