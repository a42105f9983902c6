//! The database, and who has acknowledged which write when. Versions only grow.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

/// The rows of a world.
pub(crate) struct History {
    rows: Mutex<Vec<Row>>,
    /// No read may be older than what was acknowledged longer ago.
    longest: Duration,
}

#[derive(Default)]
struct Row {
    /// In the database.
    version: u64,
    /// The greatest version whose event a server has taken, at the times when there was one more.
    acknowledged: VecDeque<(Duration, u64)>,
    /// The version whose event was confirmed.
    confirmed: u64,
    /// What each instance has published itself.
    own: Vec<u64>,
    /// The server will not take the event of this version.
    refused: u64,
}

/// What a cache promises.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    /// A read finds what was acknowledged so long ago.
    pub(crate) within: Duration,
    /// A read finds what was confirmed.
    pub(crate) confirmed: bool,
}

impl History {
    pub(crate) fn new(keys: u64, instances: usize, longest: Duration) -> Self {
        let row = || Row {
            own: vec![0; instances],
            ..Row::default()
        };
        Self {
            rows: Mutex::new((0..keys).map(|_| row()).collect()),
            longest,
        }
    }

    fn with<T>(&self, key: u64, change: impl FnOnce(&mut Row) -> T) -> T {
        let mut rows = self.rows.lock().expect("no panic while it is held");
        let index = usize::try_from(key).expect("a small number");
        change(&mut rows[index])
    }

    /// Commits a change; returns its version.
    pub(crate) fn write(&self, key: u64) -> u64 {
        self.with(key, |row| {
            row.version += 1;
            row.version
        })
    }

    pub(crate) fn version(&self, key: u64) -> u64 {
        self.with(key, |row| row.version)
    }

    /// The present versions of all rows.
    pub(crate) fn versions(&self) -> Vec<u64> {
        let rows = self.rows.lock().expect("no panic while it is held");
        rows.iter().map(|row| row.version).collect()
    }

    /// The instance that publishes an event has applied it.
    pub(crate) fn applied_by(&self, key: u64, version: u64, instance: usize) {
        self.with(key, |row| {
            row.own[instance] = row.own[instance].max(version);
        });
    }

    /// A server has taken the event.
    pub(crate) fn acknowledged(&self, key: u64, version: u64, now: Duration) {
        let longest = self.longest;
        self.with(key, |row| {
            let all = &mut row.acknowledged;
            // The reads search it, and there are more of them.
            match all.back_mut() {
                Some((at, latest)) if *at == now => *latest = version.max(*latest),
                Some((_, latest)) if *latest >= version => {}
                _ => all.push_back((now, version)),
            }
            while all.get(1).is_some_and(|(at, _)| *at + longest < now) {
                all.pop_front();
            }
        });
    }

    pub(crate) fn confirmed(&self, key: u64, version: u64) {
        self.with(key, |row| row.confirmed = row.confirmed.max(version));
    }

    pub(crate) fn refused(&self, key: u64, version: u64) {
        self.with(key, |row| row.refused = row.refused.max(version));
    }

    /// Whether no event tells of the present version of a row.
    pub(crate) fn is_refused(&self, key: u64) -> bool {
        self.with(key, |row| row.refused == row.version && row.version > 0)
    }

    /// The oldest version that a read may find which begins now at an instance.
    pub(crate) fn floor(&self, key: u64, instance: usize, promise: Promise, now: Duration) -> u64 {
        self.with(key, |row| {
            let all = &row.acknowledged;
            let told = all.partition_point(|(at, _)| *at + promise.within <= now);
            let told = told.checked_sub(1).map_or(0, |latest| all[latest].1);
            let confirmed = if promise.confirmed { row.confirmed } else { 0 };
            told.max(confirmed).max(row.own[instance])
        })
    }
}
