//! A clock that costs one load to read. A thread updates it, and sleeps while the clock is not
//! read.
//!
//! It stands still while the process is stopped, so only caches that may be stale for a while use
//! it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use super::kernel::{self, Nanos};

/// Time between two updates, and how far the clock is behind unless the thread is delayed: 10 ms.
const TICK: Duration = Duration::from_millis(10);
/// How many ticks without a reading pass before the thread goes to sleep.
const PATIENCE: u32 = 100;

/// The time as of the latest tick; 0 while the thread sleeps.
static NOW: AtomicU64 = AtomicU64::new(0);
/// Whether the clock was read since the last tick.
static READ: AtomicBool = AtomicBool::new(false);
static TICKER: OnceLock<Option<Thread>> = OnceLock::new();

/// The time on the kernel's monotonic clock, about a tick ago.
#[inline]
pub(super) fn now() -> Nanos {
    let now = NOW.load(Ordering::Relaxed);
    if now == 0 {
        return wake();
    }
    // Written only once per tick, so that readers can share the cache line.
    if !READ.load(Ordering::Relaxed) {
        READ.store(true, Ordering::Relaxed);
    }
    now
}

#[cold]
fn wake() -> Nanos {
    READ.store(true, Ordering::Relaxed);
    // If the thread cannot be started, every reading comes from the kernel.
    if let Some(ticker) = TICKER.get_or_init(start) {
        ticker.unpark();
    }
    kernel::coarse()
}

fn start() -> Option<Thread> {
    let builder = thread::Builder::new().name("cache-clock".to_owned());
    let ticker = builder.spawn(tick).ok()?;
    Some(ticker.thread().clone())
}

fn tick() {
    let mut idle = 0;
    loop {
        NOW.store(kernel::coarse().max(1), Ordering::Relaxed);
        thread::sleep(TICK);
        idle = if READ.swap(false, Ordering::Relaxed) {
            0
        } else {
            idle + 1
        };
        if idle == PATIENCE {
            NOW.store(0, Ordering::Relaxed);
            // A reader that finds 0 unparks the thread. That works even just before this line.
            thread::park();
            idle = 0;
        }
    }
}
