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
    /// The versions whose events a server has taken, each with the time.
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
            row.acknowledged.push_back((now, version));
            while row
                .acknowledged
                .get(1)
                .is_some_and(|(at, _)| *at + longest < now)
            {
                let (_, before) = row.acknowledged.pop_front().expect("there are two");
                let (_, next) = &mut row.acknowledged[0];
                *next = before.max(*next);
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
            let told = row.acknowledged.iter();
            let told = told.take_while(|(at, _)| *at + promise.within <= now);
            let told = told.map(|(_, version)| *version).max().unwrap_or(0);
            let confirmed = if promise.confirmed { row.confirmed } else { 0 };
            told.max(confirmed).max(row.own[instance])
        })
    }
}
