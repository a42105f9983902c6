//! The rows behind the caches, and the versions that readers must find at least.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::yield_now;

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

#[derive(Default)]
pub(crate) struct Database {
    pub(crate) rows: Versions,
    /// The oldest version that a read may find if it begins now: the event of that version was
    /// applied.
    pub(crate) acknowledged: Versions,
    pub(crate) last_acknowledged: watch::Sender<u64>,
    loads: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) stale: AtomicU64,
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

    pub(crate) fn acknowledge(&self, event: &RowEvent) {
        self.acknowledged.raise(event);
        if let RowEvent::Row { version, .. }
        | RowEvent::Group { version, .. }
        | RowEvent::Prefix { version, .. }
        | RowEvent::Everything { version } = event
        {
            self.last_acknowledged.send_if_modified(|last| {
                let newer = *version > *last;
                *last = *version.max(last);
                newer
            });
        }
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
