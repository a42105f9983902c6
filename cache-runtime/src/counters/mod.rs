//! Counters: atomics that count, and snapshots of them as plain numbers.

mod durations;
mod evictions;

use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(any(feature = "metrics", feature = "otel"))]
pub(crate) use durations::Histogram;
pub(crate) use durations::{Durations, Timer};
pub(crate) use evictions::Cause;
pub use evictions::Evictions;

/// Adds one, without ordering other memory accesses.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Adds a number, as [`count`].
pub(crate) fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(number as u64, Ordering::Relaxed);
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

/// Declares a public struct of numbers, and a struct of atomics whose `snapshot` returns those
/// numbers. What is `summed` is the sum of numbers that are counted. What is `derived` has no atomic
/// either: a snapshot holds its default until the cache sets it.
macro_rules! counters {
    (
        $(#[$meta:meta])*
        pub struct $stats:ident from $counters:ident {
            counted { $($(#[$doc:meta])* $counted:ident,)* }
            $(summed {
                $($(#[$summed_doc:meta])* $summed:ident: $first:ident $(+ $further:ident)*,)*
            })?
            $(derived { $($(#[$derived_doc:meta])* $derived:ident: $type:ty,)* })?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct $stats {
            $($(#[$doc])* pub $counted: u64,)*
            $($($(#[$summed_doc])* pub $summed: u64,)*)?
            $($($(#[$derived_doc])* pub $derived: $type,)*)?
        }

        #[derive(Debug, Default)]
        pub(crate) struct $counters {
            $(pub(crate) $counted: ::std::sync::atomic::AtomicU64,)*
        }

        impl $counters {
            pub(crate) fn snapshot(&self) -> $stats {
                $(let $counted = $crate::counters::read(&self.$counted);)*
                $stats {
                    $($counted,)*
                    $($($summed: $first $(+ $further)*,)*)?
                    $($($derived: ::std::default::Default::default(),)*)?
                }
            }
        }
    };
}

pub(crate) use counters;
