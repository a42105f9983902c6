//! What stands in for the machine in a simulation: its time, its random numbers, its processes. Everything
//! follows from a seed.
//!
//! A build with `--cfg simulation` has it in place of the kernel's clocks, of the system's random numbers
//! and of the thread for I/O. All else is the shipped code.

pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod time;

pub use process::Process;
pub use time::passed as time_passed;

/// Begins a simulation on this thread, from within its runtime: a Tokio runtime of one thread whose time
/// is paused, with `on_thread_unpark(time_passed)`.
pub fn begin(seed: u64) {
    random::seed(seed);
    time::begin();
}
