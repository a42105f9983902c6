//! Caches in Redis: over a real server, and over a bus in this process that replaces it.

mod audited;
mod basics;
mod codec;
mod coherent;
mod fixture;
mod flights;
mod groups;
mod keys;
mod large_values;
mod late_fill;
mod layers;
mod lock;
mod loss;
mod many;
mod memory;
mod negative;
mod outage;
mod processes;
mod publisher;
mod refresh;
mod schedule;
mod stress;
mod typed_keys;
