//! The rows behind the caches, and the versions that readers must find at least.

use std::collections::VecDeque;
use std::hint::spin_loop;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::yield_now;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::{GROUPS, READS, ROWS, RowEvent, WRITES};

/// One version per row.
#[derive(Default)]
pub(crate) struct Versions([[AtomicU64; ROWS]; GROUPS]);

impl Versions {
    pub(crate) fn get(&self, group: usize, row: usize) -> u64 {
        self.0[group][row].load(Ordering::SeqCst)
    }

    /// Raises the versions of the rows that an event is about.
    pub(crate) fn raise(&self, event: &RowEvent) {
        let (rows, version) = match event {
            RowEvent::Row {
                group,
                row,
                version,
            } => {
                let group = &self.0[*group];
                (&group[*row..=*row], version)
            }
            RowEvent::Group { group, version } | RowEvent::Prefix { group, version } => {
                (&self.0[*group][..], version)
            }
            RowEvent::Everything { version } => (self.0.as_flattened(), version),
            RowEvent::All => return,
        };
        for row in rows {
            row.fetch_max(*version, Ordering::SeqCst);
        }
    }
}

/// What was applied on an instance.
#[derive(Default)]
pub(crate) struct Applied {
    /// The oldest version that a read may find if it begins now: the event of that version was
    /// applied.
    pub(crate) versions: Versions,
    pub(crate) progress: watch::Sender<Progress>,
}

#[derive(Default, Clone, Copy)]
pub(crate) struct Progress {
    /// The latest version whose event was applied.
    pub(crate) version: u64,
    pub(crate) flushes: u64,
}

impl Applied {
    /// Everything was evicted after these events: a read that begins now finds no older version.
    /// Returns how many rows have a newer version than was applied.
    pub(crate) fn catch_up(&self, acknowledged: &Acknowledged) -> u64 {
        let newer = acknowledged.versions.0.as_flattened().iter();
        let rows = self.versions.0.as_flattened().iter().zip(newer);
        let raised = rows.filter(|(applied, newer)| {
            let newer = newer.load(Ordering::SeqCst);
            applied.fetch_max(newer, Ordering::SeqCst) < newer
        });
        raised.count() as u64
    }

    pub(crate) fn record(&self, event: &RowEvent) {
        self.versions.raise(event);
        self.progress.send_modify(|progress| match event {
            RowEvent::Row { version, .. }
            | RowEvent::Group { version, .. }
            | RowEvent::Prefix { version, .. }
            | RowEvent::Everything { version } => progress.version = progress.version.max(*version),
            RowEvent::All => progress.flushes += 1,
        });
    }
}

/// The events that a server has acknowledged.
#[derive(Default)]
pub(crate) struct Acknowledged {
    versions: Versions,
    /// With the time, in about its order.
    lately: Mutex<VecDeque<(Instant, RowEvent)>>,
    /// The versions whose events are older than a lease.
    long_ago: Versions,
}

impl Acknowledged {
    pub(crate) fn add(&self, event: RowEvent) {
        self.versions.raise(&event);
        let mut lately = self.lately.lock().unwrap();
        lately.push_back((Instant::now(), event));
    }

    /// The oldest version that a read may find if it begins now: the event of that version was
    /// acknowledged a lease ago.
    pub(crate) fn floor(&self, lease: Duration, group: usize, row: usize) -> u64 {
        let mut lately = self.lately.lock().unwrap();
        while let Some((at, event)) = lately.front()
            && at.elapsed() >= lease
        {
            self.long_ago.raise(event);
            lately.pop_front();
        }
        self.long_ago.get(group, row)
    }
}

#[derive(Default)]
pub(crate) struct Database {
    pub(crate) rows: Versions,
    pub(crate) applied: Applied,
    loads: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) stale: AtomicU64,
    /// Rows whose event did not reach an instance.
    pub(crate) lost: AtomicU64,
}

impl Database {
    pub(crate) fn load(&self, group: usize, row: usize) -> u64 {
        let version = self.rows.get(group, row);
        // Long enough for other threads to run in between.
        if self
            .loads
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(16)
        {
            yield_now();
        } else {
            (0..100).for_each(|_| spin_loop());
        }
        version
    }

    pub(crate) fn count(&self, reads: u64, stale: u64) {
        self.reads.fetch_add(reads, Ordering::Relaxed);
        self.stale.fetch_add(stale, Ordering::Relaxed);
    }

    /// Whether the run goes on.
    pub(crate) fn runs(&self) -> bool {
        self.reads.load(Ordering::Relaxed) < READS || self.writes.load(Ordering::Relaxed) < WRITES
    }
}
