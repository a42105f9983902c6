//! The clocks of caches: the kernel's clock, a cheaper copy of it, and a manual clock for tests.

mod kernel;
mod ticker;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(not(simulation))]
pub(crate) use std::time::Instant;

pub(crate) use kernel::{Nanos, asleep_too, nanos, precise, wall};
#[cfg(simulation)]
pub(crate) use tokio::time::Instant;

/// A clock for tests that moves only when [`advance`](Self::advance) is called.
///
/// With it, entries of a cache expire in a test without waiting. Clones show the same time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{ManualClock, TtlCache};
///
/// # fn main() -> Result<(), cache_runtime::BuildError> {
/// let clock = ManualClock::new();
/// let cache = TtlCache::builder("cache", Duration::from_secs(60)).clock(&clock).build()?;
/// cache.insert("key".to_owned(), 1);
///
/// clock.advance(Duration::from_secs(59));
/// assert_eq!(cache.get("key"), Some(1));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(cache.get("key"), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanos(by), Ordering::SeqCst);
    }

    /// How far the clock has been moved since it was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now())
    }

    fn now(&self) -> Nanos {
        self.0.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.elapsed()).finish()
    }
}

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
