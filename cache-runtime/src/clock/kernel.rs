//! The kernel's clocks.

use std::time::Duration;

pub(crate) use platform::{asleep_too, coarse, precise, wall};

/// Nanoseconds on a cache's clock.
pub(crate) type Nanos = u64;

/// A century: longer than any setting, and far from where adding two times overflows.
const LONGEST: Nanos = 100 * 365 * 24 * 60 * 60 * 1_000_000_000;

/// A duration to add to a time. More than a century counts as a century.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).map_or(LONGEST, |nanos| nanos.min(LONGEST))
}

#[cfg(simulation)]
use crate::simulation::time as platform;

#[cfg(all(not(simulation), any(target_os = "linux", target_os = "android")))]
mod platform {
    use rustix::time::{ClockId, Timespec, clock_gettime};

    use super::Nanos;

    /// The time at the kernel's latest tick. It is never ahead of [`precise`], and behind it by up
    /// to two ticks of a few milliseconds each.
    #[inline]
    pub(crate) fn coarse() -> Nanos {
        from(clock_gettime(ClockId::MonotonicCoarse))
    }

    /// The same clock to the nanosecond.
    pub(crate) fn precise() -> Nanos {
        from(clock_gettime(ClockId::Monotonic))
    }

    /// A monotonic clock that goes on while the machine sleeps. [`coarse`] and [`precise`] stand
    /// still meanwhile.
    pub(crate) fn asleep_too() -> Nanos {
        from(clock_gettime(ClockId::Boottime))
    }

    /// The time of day at the kernel's latest tick. It goes on while the machine sleeps, and it may
    /// be set.
    #[inline]
    pub(crate) fn wall() -> Nanos {
        from(clock_gettime(ClockId::RealtimeCoarse))
    }

    #[inline]
    fn from(time: Timespec) -> Nanos {
        // Neither part is negative, because this is the time since the machine started or since
        // 1970.
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
    }
}

#[cfg(not(any(simulation, target_os = "linux", target_os = "android")))]
mod platform {
    use std::sync::LazyLock;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use super::{Nanos, nanos};

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    /// Whether the clock of `std` goes on while the machine sleeps depends on the system. On macOS
    /// it stands still.
    pub(crate) fn asleep_too() -> Nanos {
        precise()
    }

    pub(crate) fn wall() -> Nanos {
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        time.map_or(0, nanos)
    }

    pub(crate) fn coarse() -> Nanos {
        precise()
    }

    pub(crate) fn precise() -> Nanos {
        nanos(START.elapsed())
    }
}
