//! What is counted: atomics while it happens, plain numbers for whoever reads them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts up, in no order with anything else.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// A public struct of numbers, and the struct of atomics behind it, whose `snapshot` gives the
/// numbers. What is `derived` has no atomic: it is 0 in a snapshot, and whoever takes one sets it.
macro_rules! counters {
    (
        $(#[$meta:meta])*
        pub struct $stats:ident from $counters:ident {
            $($(#[$doc:meta])* $counted:ident,)*
        }
        $(derived { $($(#[$derived_doc:meta])* $derived:ident,)* })?
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
