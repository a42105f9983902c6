//! What tests of a program need: outages, one clock, and what an event evicts.
//!
//! With the feature `testing`, as a dependency of tests:
//!
//! ```toml
//! [dev-dependencies]
//! cache-runtime = { version = "0.1", features = ["testing"] }
//! ```

mod evict;
mod network;

pub use network::Network;
