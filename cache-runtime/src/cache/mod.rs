//! The caches: one file or folder for each kind, over what they share in `memory`.

mod error;
mod evict;
mod limits;
mod memory;
mod names;

pub mod coherent;
pub mod cooldown;
pub mod dedup;
pub mod redis;
pub mod ttl;

pub use error::{BuildError, NotStored};
pub use evict::Evict;
pub use memory::CacheStats;
