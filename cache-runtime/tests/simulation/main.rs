//! The shipped library as a whole in a simulated world: several instances with their bus, outbox, caches
//! and handlers, a database, and servers and a network with every fault there is.
//!
//! Only what is outside of the library is simulated: time, the network, the servers, processes. A seed
//! decides everything that happens. Every read is checked against the history of writes.
//!
//! ```text
//! # SIMULATION_WRITES writes, or DEFAULT_WRITES; fewer if they take longer than SIMULATION_SECONDS:
//! bash tests/simulation.sh
//! # one seed, with everything that happens:
//! SIMULATION_SEED=42 bash tests/simulation.sh no_read -- --nocapture
//! ```
#![cfg(simulation)]

mod faults;
mod history;
mod instance;
mod plan;
mod progress;
mod reader;
mod sabotage;
mod totals;
mod world;
mod writer;

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use progress::Progress;
use totals::Totals;
use world::World;

/// How many writes are simulated, if nothing else is asked for.
const DEFAULT_WRITES: u64 = 10_000_000;

#[test]
fn no_read_is_older_than_promised() {
    let _all_remedies_apply = sabotage::lock().read().expect("all remedies apply");
    if let Some(seed) = number("SIMULATION_SEED") {
        return World::run(seed, true).map_or_else(|violation| panic!("{violation}"), drop);
    }
    let writes = number("SIMULATION_WRITES").unwrap_or(DEFAULT_WRITES);
    let totals = run_until(writes, number("SIMULATION_FIRST").unwrap_or(1));
    println!("{totals}");
    totals.assert_that_everything_happened();
}

#[test]
fn a_seed_always_does_the_same() {
    let _all_remedies_apply = sabotage::lock().read().expect("all remedies apply");
    for seed in 1..=10 {
        let [first, second] = [(); 2].map(|()| World::run(seed, false).expect("no violation"));
        assert_eq!(first, second, "seed {seed}");
    }
}

/// Runs seeds, from `first` on, until there were so many writes, or the time is over.
fn run_until(writes: u64, first: u64) -> Totals {
    let limit = number("SIMULATION_SECONDS").map_or(Duration::MAX, Duration::from_secs);
    let (next, progress) = (AtomicU64::new(first), Progress::new(writes, limit));
    let work = || {
        let mut totals = Totals::default();
        while !progress.is_complete() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let run = World::run(seed, false).unwrap_or_else(|violation| {
                progress.end();
                panic!(
                    "seed {seed}: {violation}\n\
                     replay it: SIMULATION_SEED={seed} bash tests/simulation.sh no_read -- --nocapture"
                )
            });
            progress.add(run.writes);
            totals.add(run);
        }
        totals
    };
    let mut totals = Totals::default();
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, |all| all.get() as u64);
        let threads = number("SIMULATION_THREADS").unwrap_or(processors);
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in running {
            match thread.join() {
                Ok(some) => totals.add(some),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    progress.end();
    totals
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text}: expected a number")))
}
