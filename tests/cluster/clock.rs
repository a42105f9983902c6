//! The clock that all processes of a machine share.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds on `CLOCK_MONOTONIC`, which goes on while a process is stopped.
pub(crate) type Nanos = u64;

pub(crate) fn now() -> Nanos {
    nanos(clock_gettime(ClockId::Monotonic))
}

fn nanos(time: Timespec) -> Nanos {
    let time = Duration::try_from(time).expect("the clock begins with the machine");
    length(time)
}

/// A duration on this clock.
pub(crate) fn length(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).expect("it is not that long")
}
