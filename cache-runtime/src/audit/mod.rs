//! The caches and channels of the program, the state of each, and what looks wrong with them.
//!
//! [`audit()`](crate::audit()) lists those of this process. [`Bus::audit`](crate::Bus::audit) also
//! reads the records of other instances. [`Risk`] says what several instances mean for a cache.
//!
//! An audit flags:
//!
//! - a coherent cache with a channel that is not live (critical), or in which nothing was published
//!   or received yet (minor);
//! - a cache whose loads in the background have failed for a minute (critical for a snapshot with
//!   events, minor otherwise);
//! - a [`TtlCache`](crate::TtlCache) with the name of another one, in this process or in an
//!   instance that has audited within [`RECORD_TTL`] (minor);
//! - an event that evicts nothing anywhere (minor; critical for the event that flushes). It was
//!   applied, every `evict_on` of its channel returned `Evict::Nothing` for it, and there are no
//!   other subscribers.

mod channels;
mod enrolled;
mod flags;
mod instances;
mod json;
pub(crate) mod local;
#[cfg(any(feature = "metrics", feature = "otel"))]
mod measured;
mod peer;
mod reloads;
mod report;
mod rows;
mod schemas;
mod source;
mod table;
#[cfg(test)]
mod tests;

pub use crate::place::Place;
pub(crate) use enrolled::{Audited, Described, enroll};
pub use instances::AuditError;
#[cfg(feature = "page")]
pub(crate) use instances::process;
#[cfg(any(feature = "metrics", feature = "otel"))]
pub(crate) use measured::measured;
#[cfg(feature = "doctor")]
pub(crate) use peer::Peer;
pub use peer::RECORD_TTL;
pub use reloads::Reloads;
pub use report::{Audit, Bound, EvictedBy, Flag, Kind, Risk, Row, State, Traffic};
#[cfg(feature = "doctor")]
pub(crate) use schemas::schemas;
pub use source::Evicts;
pub(crate) use source::{Source, VariantCounts};
#[cfg(feature = "page")]
pub(crate) use table::{Length, Number};
