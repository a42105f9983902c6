//! What tests of a program need: outages, one clock, a barrier, and a recorder of events.
//!
//! With the feature `testing`, as a dependency of tests:
//!
//! ```toml
//! [dev-dependencies]
//! cache-runtime = { version = "0.1", features = ["testing"] }
//! ```

mod network;

pub use network::Network;
