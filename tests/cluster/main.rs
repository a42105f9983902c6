//! Caches of several processes over a real server, under faults: no read returns a value that is
//! too old.

mod audit;
mod away;
mod caches;
mod clock;
mod faults;
mod log;
mod pause;
mod policies;
mod reader;
#[path = "../sim/rng.rs"]
mod rng;
mod source;
mod torture;
mod writer;
