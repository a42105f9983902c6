//! Caches in Redis: over a real server, and over the bus that stands in for one.

mod audited;
mod basics;
mod codec;
mod coherent;
mod fixture;
mod flights;
mod late_fill;
mod lock;
mod loss;
mod memory;
mod negative;
mod outage;
mod processes;
mod publisher;
mod refresh;
mod stress;
