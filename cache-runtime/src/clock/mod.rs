//! The clocks of caches: the kernel's clock, a cheaper copy of it, and a manual clock for tests.

mod kernel;
mod manual;
mod ticker;
#[cfg(feature = "testing")]
mod timers;

#[cfg(not(simulation))]
pub(crate) use std::time::Instant;

pub(crate) use kernel::{Nanos, asleep_too, nanos, precise, wall};
pub use manual::ManualClock;
#[cfg(simulation)]
pub(crate) use tokio::time::Instant;

/// The clock that a cache reads on every access.
#[derive(Debug, Clone, Default)]
pub(crate) enum Clock {
    /// The kernel's monotonic clock as of its latest tick. It has a resolution of a few
    /// milliseconds, and is several times cheaper to read than the precise one. It goes on while
    /// the process is stopped.
    #[default]
    Kernel,
    /// A copy of that clock, which a thread of the process updates. Reading it costs one load, but
    /// it stands still while the process is stopped.
    Ticker,
    Manual(ManualClock),
}

impl Clock {
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        match self {
            Self::Kernel => kernel::coarse(),
            Self::Ticker => ticker::now(),
            Self::Manual(clock) => clock.now(),
        }
    }
}
