//! The statistics of a snapshot.

use crate::counters::counters;

counters! {
    /// What has happened in a [`Snapshot`](crate::Snapshot). Reads are not counted, so that they stay
    /// cheap.
    pub struct SnapshotStats from Counters {
        counted {
            /// Events and flushes that asked for a load. An event that is published here counts twice:
            /// when it is published, and when it comes back.
            changes,
            /// Loads that have begun, with the first one.
            loads,
            /// Loads that failed, panicked or took too long.
            failed_loads,
        }
        derived {
            /// How many loads have failed since the last one that did not.
            failures_in_a_row: u64,
        }
    }
}
