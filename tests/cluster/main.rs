//! Caches of several processes over a real server, through all that can happen to it: no read is
//! older than it may be.

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
