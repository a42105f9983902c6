//! All states of the shipped protocol core in small worlds, with every order of what can happen.
//!
//! The other tests of this folder try one order for each seed. Here a world is so small that all of
//! its states can be visited: after every step, each thing that can happen is tried. Time is counted
//! in ticks and has no end, and faults have no number: a state that comes again is recognised by
//! its digest (`link/digest.rs`).
//!
//! Links meet only through the server, and every rule is about one link. So what other instances do
//! is, for one link, that events are published. In the worlds of two instances, one step in
//! eight is checked for that (`meeting.rs`).
//!
//! ```text
//! cargo test --test sim explore -- --nocapture                        # what CI explores
//! EXPLORE=large cargo test --release --test sim explore -- --nocapture
//! ```

mod bounds;
mod instance;
mod meeting;
mod rules;
mod search;
mod server;
mod world;
mod worlds;

use std::env;

/// The states after which a world counts as too large.
const MOST: u64 = 20_000_000;

#[test]
fn all_states_of_small_worlds() {
    let worlds = match env::var("EXPLORE").as_deref() {
        Err(_) => worlds::SMALL,
        Ok("large") => worlds::LARGE,
        Ok(other) => panic!("EXPLORE={other}: expected `large`"),
    };
    let most = usize::try_from(super::number("EXPLORE_MOST").unwrap_or(MOST)).expect("a number");
    for world in worlds {
        match search::explore(world, most) {
            Ok(explored) => println!("{explored}"),
            Err(violation) => panic!("{}: {violation}", world.name),
        }
    }
}
