//! Caches of several processes over a real server, under faults: no read returns a value that is
//! too old.

mod audit;
mod away;
mod caches;
mod clock;
mod faults;
mod log;
mod pause;
mod place;
mod policies;
mod reader;
#[path = "../sim/rng.rs"]
mod rng;
mod run;
mod source;
mod staleness;
mod topologies;
mod torture;
mod writer;
