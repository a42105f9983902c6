//! The in-memory caches against raw `quick_cache`, moka, `cached` and foyer, in the same run.
//!
//! ```sh
//! cargo bench -p benches --bench caches
//! cargo bench -p benches --bench caches -- hits zipf # only these parts
//! ```
//!
//! The caches take turns in short rounds, so that a change of the machine's speed affects all
//! alike. A ratio is the median of the rounds' ratios. Keys are strings of 20 bytes, values are
//! `Arc`s. No time makes the benchmark fail.

mod evictions;
mod hits;
mod keys;
mod loads;
mod memory;
mod ours;
mod peers;
mod print;
mod zipf;

use std::sync::LazyLock;

use allocation_counter::opt_out;
use tokio::runtime::{Builder, Runtime};

/// Entries of the caches.
const SIZES: [usize; 2] = [10_000, 1_000_000];

/// Runs the bus and the loads. The caches are used by the threads of the benchmark, and one of
/// those is the runtime's.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build();
    runtime.expect("a thread can be started")
});

fn main() {
    let _runtime = RUNTIME.enter();
    let parts: [(&str, fn()); 6] = [
        ("hits", || opt_out(hits::run)),
        ("loads", || opt_out(loads::run)),
        ("evictions", || opt_out(evictions::run)),
        ("clears", || opt_out(evictions::run_all)),
        ("memory", memory::run),
        ("zipf", || opt_out(zipf::run)),
    ];
    // Skips the options that Cargo adds.
    let wanted: Vec<_> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    for (name, run) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run();
        }
    }
}
