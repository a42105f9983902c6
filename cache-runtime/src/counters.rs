//! What is counted: atomics while it happens, plain numbers when they are read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts up, in no order with anything else.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// The part of all reads that were hits, from 0 to 1; `None` where nothing was read.
#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more")]
pub(crate) fn ratio(hits: u64, misses: u64) -> Option<f64> {
    let reads = hits + misses;
    (reads > 0).then(|| hits as f64 / reads as f64)
}

/// A public struct of numbers, and the struct of atomics behind it, whose `snapshot` gives the
/// numbers. What is `derived` has no atomic: it is 0 in a snapshot until the cache sets it.
macro_rules! counters {
    (
        $(#[$meta:meta])*
        pub struct $stats:ident from $counters:ident {
            counted { $($(#[$doc:meta])* $counted:ident,)* }
            $(derived { $($(#[$derived_doc:meta])* $derived:ident,)* })?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct $stats {
            $($(#[$doc])* pub $counted: u64,)*
            $($($(#[$derived_doc])* pub $derived: u64,)*)?
        }

        #[derive(Debug, Default)]
        pub(crate) struct $counters {
            $(pub(crate) $counted: ::std::sync::atomic::AtomicU64,)*
        }

        impl $counters {
            pub(crate) fn snapshot(&self) -> $stats {
                $stats {
                    $($counted: $crate::counters::read(&self.$counted),)*
                    $($($derived: 0,)*)?
                }
            }
        }
    };
}

pub(crate) use counters;
