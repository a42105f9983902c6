//! The clocks of a simulated machine. All show the paused time of the runtime.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// What the clocks show when a simulation begins. Some times are stored with 0 for "never".
const BEGINNING: u64 = 1_000_000_000;

thread_local! {
    static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
}

pub(super) fn begin() {
    BEGUN.set(Some(Instant::now()));
}

/// The time since the simulation began.
#[must_use]
pub fn elapsed() -> Duration {
    BEGUN.get().map_or(Duration::ZERO, |begun| begun.elapsed())
}

#[inline]
pub(crate) fn coarse() -> u64 {
    let elapsed = elapsed();
    BEGINNING + elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
}

pub(crate) use coarse as precise;
pub(crate) use coarse as asleep_too;
pub(crate) use coarse as wall;
