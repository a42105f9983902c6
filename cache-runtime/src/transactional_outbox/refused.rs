//! Rows that the server refuses.

use std::collections::HashSet;
use std::time::Instant;

use crate::defaults::BACKOFF_MAX;

/// The ids of rows that wait until they are tried again, so that others need not wait for them.
#[derive(Default)]
pub(super) struct Refused {
    ids: HashSet<i64>,
    until: Option<Instant>,
}

impl Refused {
    /// Lets all be tried again if they have waited for long enough.
    pub(super) fn begin_sweep(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            *self = Self::default();
        }
    }

    pub(super) fn holds(&self, id: i64) -> bool {
        self.ids.contains(&id)
    }

    pub(super) fn add(&mut self, ids: Vec<i64>, now: Instant) {
        self.until.get_or_insert(now + BACKOFF_MAX);
        self.ids.extend(ids);
    }
}
