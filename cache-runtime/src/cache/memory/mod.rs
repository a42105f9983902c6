//! What the caches in memory share: a bounded store with TTLs, and one load per key.
//!
//! An `engine` has a `store` of `part`s, each a `shard` with `entries` and with the `load`s on their
//! way, and if entries have tags, a `tag_index` and the `evicted_tags`. A caller that finds no entry
//! takes its `turn` to load, or becomes one of the `waiters` of the load; a caller of `many` keys does
//! both. `layout` divides the store. A `generation` ends when everything is evicted, and `reclaim`
//! frees the memory of its entries. `schedule` says when an entry is due for a `refresh`, and
//! `refreshing` has the setting. `spawned` loads run in tasks. Since tasks hold the cache, a `handle`
//! tells when the last clone is gone. `failing` and `verdict` say what callers receive where a load
//! fails or takes long.

mod census;
mod due;
mod engine;
mod entries;
mod entry;
mod evict;
mod evicted_tags;
mod failing;
mod generation;
mod handle;
mod held;
mod keys;
mod layout;
mod line;
mod load;
mod loads;
mod many;
#[cfg(any(feature = "metrics", feature = "otel"))]
mod measured;
mod nested;
mod options;
mod part;
mod patience;
mod reclaim;
mod refresh;
mod refreshing;
mod schedule;
mod shard;
mod spawned;
mod stats;
mod store;
mod sync;
mod tag_index;
mod tags;
mod turn;
mod verdict;
mod waiters;

pub(super) use engine::Engine;
pub(super) use evict::Extent;
pub(super) use handle::Handle;
pub(super) use held::{LeadingLoad, LoneLoad};
pub(super) use layout::Capacity;
pub(super) use load::Storing;
pub(super) use loads::Loads;
pub(super) use many::{Next, Turns, distinct, run_together};
pub(super) use options::{Options, common_setters, failure_setters, negative_setter};
pub(super) use reclaim::{Reclaiming, Reclaims};
pub(super) use refresh::Loaders;
pub(super) use refreshing::refresh_setter;
pub(super) use spawned::load as spawn_load;
pub use stats::CacheStats;
pub(super) use tags::Tag;
pub(super) use turn::{Turn, error_of, failed_with};
pub(super) use waiters::Failure;
