//! The clocks of a simulated machine. All show the paused time of the runtime.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// What the clocks show when a simulation begins. Some times are stored with 0 for "never".
const BEGINNING: u64 = 1_000_000_000;

thread_local! {
    static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
    static ELAPSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

pub(super) fn begin() {
    BEGUN.set(Some(Instant::now()));
    ELAPSED.set(Duration::ZERO);
}

/// Reads the runtime's time, which passes only while its thread is parked. So this is for
/// `on_thread_unpark` of the runtime: the clocks are read too often to ask it each time.
pub fn passed() {
    if let Some(begun) = BEGUN.get() {
        ELAPSED.set(begun.elapsed());
    }
}

/// The time since the simulation began.
#[must_use]
pub fn elapsed() -> Duration {
    ELAPSED.get()
}

#[inline]
pub(crate) fn coarse() -> u64 {
    let elapsed = elapsed();
    BEGINNING + elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
}

pub(crate) use coarse as precise;
pub(crate) use coarse as asleep_too;
pub(crate) use coarse as wall;
