//! The entries that are refreshed on schedule, and how that goes.

use std::borrow::Borrow;
use std::time::Duration;

use super::key_type::RedisKey;
use super::loader::{Load, Loader};
use crate::audit::Reloads;
use crate::clock::{Nanos, asleep_too};
use crate::sync::Mutex;

/// An entry that is refreshed on schedule, and how that goes.
pub(super) struct Scheduled<V> {
    pub(super) key: String,
    /// Makes the load of the entry.
    pub(super) load: Box<dyn Fn() -> Load<V> + Send + Sync>,
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

impl<V: 'static> Scheduled<V> {
    pub(super) fn new<K>(key: K::Owned, loader: Loader<V, K>) -> Self
    where
        K: RedisKey + ?Sized,
    {
        let text = key.borrow().text().to_owned();
        Self {
            key: text,
            load: Box::new(move || loader(key.borrow())),
            record: Mutex::default(),
        }
    }

    pub(super) fn succeeded(&self) {
        *self.record.lock() = Record {
            fresh: Some(asleep_too()),
            ..Record::default()
        };
    }

    pub(super) fn failed(&self, error: String) {
        let mut record = self.record.lock();
        record.failures += 1;
        let since = record
            .failing
            .take()
            .map_or_else(asleep_too, |(since, _)| since);
        record.failing = Some((since, error));
    }
}

/// How the refreshes of all entries go. Of several, the one that is worst off counts.
pub(super) fn reloads<V>(all: &[Scheduled<V>]) -> Option<Reloads> {
    let worst = all.iter().map(|scheduled| {
        let record = scheduled.record.lock();
        let since = |time: Nanos| Duration::from_nanos(asleep_too().saturating_sub(time));
        let failing = record.failing.as_ref();
        Reloads {
            last_success: record.fresh.map(since),
            failures: record.failures,
            failing_for: failing.map(|(time, _)| since(*time)),
            error: failing.map(|(_, error)| format!("{}: {error}", scheduled.key)),
        }
    });
    let never = Duration::MAX;
    worst.max_by_key(|reloads| (reloads.failing_for, reloads.last_success.unwrap_or(never)))
}
