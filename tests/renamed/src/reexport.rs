//! The runtime behind a path of the user's own crate.

use crate::InvalidationEvent;

pub use ::caches as cache_of_ours;

/// Both paths are absolute.
#[derive(Debug, Clone, Copy, InvalidationEvent)]
#[invalidation(crate = crate::reexport::cache_of_ours)]
pub enum Tick {
    /// Everything is stale.
    All,
}

/// Ticks.
#[cache_of_ours::cache_invalidation(
    crate = crate::reexport::cache_of_ours,
    channel = "renamed:tick",
    event = Tick
)]
#[derive(Debug)]
pub struct Ticks;
