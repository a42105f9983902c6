//! The caches, and what they are made of.
//!
//! `engine` is what the in-memory caches share: a bounded `store` of `shard`s, each with `entry`s
//! and with `slot`s for the loads on their way; whoever waits for one waits in its `flight`, and
//! whoever loads has its `lead`. The rest is one file or folder a kind of cache.

mod engine;
mod entry;
mod error;
mod evict;
mod flight;
mod keys;
mod lead;
mod release;
mod settings;
mod shape;
mod shard;
mod slot;
mod stats;
mod store;
mod sync;

pub mod coherent;
pub mod cooldown;
pub mod dedup;
pub mod redis;
pub mod ttl;

pub(crate) use engine::{Engine, Storing, Turn};
pub(crate) use error::check_name;
pub use error::{BuildError, NotStored};
pub use evict::Evict;
pub(crate) use lead::Reserved;
pub(crate) use settings::Settings;
pub(crate) use shape::Capacity;
pub use stats::CacheStats;
