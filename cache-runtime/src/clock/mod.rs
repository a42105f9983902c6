//! The time that caches go by: the kernel's, or a test's.

mod ticker;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nanoseconds on a cache's clock.
pub(crate) type Nanos = u64;

/// More than any setting may be, and far from where adding two of them overflows: 100 years.
const LONGEST: Nanos = 100 * 365 * 24 * 60 * 60 * 1_000_000_000;

/// A duration as it is added to a time; what is longer than a century is a century.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).map_or(LONGEST, |nanos| nanos.min(LONGEST))
}

/// A clock for tests, which stands still until it is told to go on.
///
/// Give it to a cache's builder to see entries expire without waiting. Clones show the same time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{ManualClock, TtlCache};
///
/// # fn main() -> Result<(), cache_runtime::BuildError> {
/// let clock = ManualClock::new();
/// let cache = TtlCache::builder().ttl(Duration::from_secs(60)).clock(&clock).build()?;
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

    /// Time since the clock was made.
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

/// What a cache reads on every access.
#[derive(Debug, Clone, Default)]
pub(crate) enum Clock {
    /// The kernel's monotonic clock, to the tick: a few milliseconds coarse, and several times
    /// cheaper to read than to the nanosecond. It goes on while the process is stopped, which a
    /// clock kept by a thread of the process would not.
    #[default]
    Kernel,
    /// The same as a thread of the process has last read it; it costs nothing.
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

pub(crate) use kernel::precise;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod kernel {
    use rustix::time::{ClockId, Timespec, clock_gettime};

    use super::Nanos;

    /// The time as of the kernel's latest tick: never ahead of [`precise`], and behind by up to two
    /// ticks of a few milliseconds.
    #[inline]
    pub(crate) fn coarse() -> Nanos {
        from(clock_gettime(ClockId::MonotonicCoarse))
    }

    /// The same clock to the nanosecond.
    pub(crate) fn precise() -> Nanos {
        from(clock_gettime(ClockId::Monotonic))
    }

    #[inline]
    fn from(time: Timespec) -> Nanos {
        // Time since the start of the machine: neither part is negative.
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod kernel {
    use std::sync::LazyLock;
    use std::time::Instant;

    use super::{Nanos, nanos};

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(crate) fn coarse() -> Nanos {
        precise()
    }

    pub(crate) fn precise() -> Nanos {
        nanos(START.elapsed())
    }
}
