//! What caches in memory have in common: their statistics, and why a value is not stored.
//!
//! Each kind of cache has a module of its own.

mod caught;
mod claims;
pub(crate) mod coherent;
pub(crate) mod cooldown;
pub(crate) mod dedup;
pub(crate) mod error;
pub(crate) mod evict;
mod key;
mod last_answer;
mod limits;
#[cfg(any(feature = "metrics", feature = "otel"))]
mod measured;
mod memory;
mod names;
mod predicate;
pub(crate) mod redis;
pub(crate) mod redis_cooldown;
mod scheduled;
pub(crate) mod snapshot;
pub(crate) mod ttl;

pub use crate::counters::Evictions;
pub(crate) use error::BuildError;
pub use error::{LoadTimedOut, NotStored};
pub(crate) use evict::Evict;
pub use key::{LoadKey, LookupKey};
pub use memory::CacheStats;
pub use predicate::EntryPredicate;
