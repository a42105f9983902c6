//! The caches and channels of the program, the state of each, and what looks wrong with them.
//!
//! [`audit()`] lists those of this process. [`Bus::audit`](crate::Bus::audit) also reads what other
//! instances have said of theirs. [`Risk`] is about running in several instances.
//!
//! Flagged are:
//!
//! - a coherent cache with a channel that is not live (critical), or in which nothing was published or
//!   received yet (minor);
//! - a [`TtlCache`](crate::TtlCache) with the name of another one, in this process or in an instance
//!   that has audited within [`RECORD_TTL`] (minor);
//! - an event that evicts nothing anywhere: it was applied, every `evict_on` of its channel returned
//!   `Evict::Nothing` for it, and there are no other subscribers (minor; critical for the event that
//!   flushes).

mod channels;
mod enrolled;
mod flags;
mod instances;
mod json;
mod peer;
mod report;
mod rows;
mod source;
mod table;
#[cfg(test)]
mod tests;

pub use crate::place::Place;
use channels::uses;
use enrolled::described;
pub(crate) use enrolled::{Audited, Described, enroll};
pub use instances::AuditError;
pub use peer::RECORD_TTL;
pub use report::{Audit, Bound, EvictedBy, Flag, Kind, Risk, Row, State, Traffic};
use rows::assemble;
pub use source::Evicts;
pub(crate) use source::{Source, VariantCounts};

/// Every cache and every channel of this process, its state, and what looks wrong with it.
///
/// It asks no server. [`Bus::audit`](crate::Bus::audit) does, and so knows about other instances.
///
/// # Examples
///
/// ```standalone_crate
/// use cache_runtime::{TtlCache, audit};
///
/// # fn main() -> Result<(), cache_runtime::BuildError> {
/// let suggestions = TtlCache::<String, u32>::builder("autocomplete", std::time::Duration::from_secs(60)).build()?;
/// suggestions.insert("ad".to_owned(), 1);
///
/// let audit = audit();
/// println!("{audit}");
/// let row = &audit.rows()[0];
/// assert_eq!((row.name.as_str(), row.entries), ("autocomplete", Some(1)));
/// assert_eq!(audit.flags().count(), 0);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn audit() -> Audit {
    assemble(described(), &uses(), &[])
}
