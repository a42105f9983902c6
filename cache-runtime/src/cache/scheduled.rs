//! The entries that are loaded on schedule, and how that goes.

use std::time::Duration;

use super::error::BuildError;
use crate::audit::Reloads;
use crate::backoff::Backoff;
use crate::clock::Nanos;
use crate::io_thread;
use crate::random;
use crate::sync::Mutex;

/// The most keys of one cache that are loaded on schedule: each has a task. Of the tasks of a cache in
/// Redis, some are left for others.
const MOST: usize = 32;

/// The wait after a load that has failed: the first, doubled with each failure, and the longest.
pub(super) const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What a loader that has panicked is recorded with.
pub(super) const PANICKED: &str = "the loader panicked";

/// An entry that is loaded on schedule, and how that goes.
pub(super) struct Scheduled<K> {
    pub(super) key: K,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    /// When the entry was last found or made fresh.
    fresh: Option<Nanos>,
    failures: u64,
    /// When the first of them was, and the error of the last one.
    failing: Option<(Nanos, String)>,
}

impl<K> Scheduled<K> {
    pub(super) fn new(key: K) -> Self {
        Self {
            key,
            record: Mutex::default(),
        }
    }

    pub(super) fn succeeded(&self, now: Nanos) {
        *self.record.lock() = Record {
            fresh: Some(now),
            ..Record::default()
        };
    }

    pub(super) fn failed(&self, error: String, now: Nanos) {
        let mut record = self.record.lock();
        record.failures += 1;
        let since = record.failing.take().map_or(now, |(since, _)| since);
        record.failing = Some((since, error));
    }
}

/// Checks the number of entries that an option has scheduled.
pub(super) fn check_scheduled(cache: &str, option: &str, keys: usize) -> Result<(), BuildError> {
    if keys > MOST {
        let what = format!("{option} of {keys} keys: expected at most {MOST}");
        return Err(BuildError::new(cache, what));
    }
    Ok(())
}

/// What an entry is recorded with whose task could not be started.
pub(super) fn not_started() -> String {
    let why = io_thread::handle().err();
    let why = why.map_or_else(
        || "there is no room for its task".into(),
        |why| why.to_string(),
    );
    format!("it is not loaded on schedule: {why}")
}

/// The waits after failures of one entry.
pub(super) fn backoff() -> Backoff {
    Backoff::new(WAIT.0, WAIT.1, random::number())
}

/// How the loads of all entries go. Of several, the one that is worst off counts. `show` writes a key.
pub(super) fn reloads<'s, K: 's>(
    all: impl IntoIterator<Item = &'s Scheduled<K>>,
    show: impl Fn(&K) -> String,
    now: Nanos,
) -> Option<Reloads> {
    let worst = all.into_iter().map(|scheduled| {
        let record = scheduled.record.lock();
        let since = |time: Nanos| Duration::from_nanos(now.saturating_sub(time));
        let failing = record.failing.as_ref();
        Reloads {
            last_success: record.fresh.map(since),
            failures: record.failures,
            failing_for: failing.map(|(time, _)| since(*time)),
            error: failing.map(|(_, error)| format!("{}: {error}", show(&scheduled.key))),
        }
    });
    let never = Duration::MAX;
    worst.max_by_key(|reloads| (reloads.failing_for, reloads.last_success.unwrap_or(never)))
}
