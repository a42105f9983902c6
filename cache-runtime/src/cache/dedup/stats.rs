//! What has happened in a deduplication, in numbers.

use crate::counters::counters;

counters! {
    /// What has happened in a [`Dedup`](crate::Dedup), on this instance, since it was built.
    pub struct DedupStats from Counters {
        counted {
            /// Calls that reserved their key.
            reserved,
            /// Calls that found their key reserved.
            duplicates,
            /// Reservations that their owners ended before the TTL.
            released,
            /// Calls that ended with an error.
            failed,
        }
    }
}
