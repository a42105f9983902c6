//! The shipped protocol core in a simulated world, with every fault that can lose an event.
//!
//! Server, network, clock and tasks are simulated, and everything follows from the seed. The world
//! drives the link as the supervisor does, and checks after every output that no event is lost
//! without a flush.
//!
//! ```text
//! cargo test --test sim                                   # DEFAULT_SEEDS seeds
//! SIM_SEEDS=100000 cargo test --release --test sim        # more of them
//! SIM_SEED=42 cargo test --test sim -- --nocapture        # one of them, with everything it does
//! ```

mod check;
mod explore;
mod faults;
mod ledger;
mod plan;
mod process;
mod queue;
mod rng;
mod server;
mod totals;
mod world;

use std::env;

use totals::Totals;
use world::World;

const DEFAULT_SEEDS: u64 = 2_000;

#[test]
fn no_loss_goes_unnoticed() {
    let mut totals = Totals::default();
    let replayed = number("SIM_SEED");
    let seeds = match replayed {
        Some(seed) => seed..=seed,
        None => 1..=number("SIM_SEEDS").unwrap_or(DEFAULT_SEEDS),
    };
    for seed in seeds {
        let (world, result) = World::run(seed, replayed.is_some());
        if let Err(violation) = result {
            panic!(
                "seed {seed}: {violation}\n\
                 replay it: SIM_SEED={seed} cargo test --test sim -- --nocapture"
            );
        }
        world.add_to(&mut totals);
    }
    println!("{totals}");
    if totals.runs >= DEFAULT_SEEDS {
        totals.assert_that_every_fault_hurt();
    }
}

#[test]
fn a_seed_always_does_the_same() {
    for seed in 0..20 {
        let run = || {
            let mut totals = Totals::default();
            let (world, result) = World::run(seed, false);
            result.map(|()| {
                world.add_to(&mut totals);
                totals
            })
        };
        assert_eq!(run(), run(), "seed {seed}");
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text}: expected a number")))
}
