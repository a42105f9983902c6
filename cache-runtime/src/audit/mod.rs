//! What caches and channels there are in the program, how they do, and what looks wrong with them.
//!
//! [`audit()`] lists those of this process; [`Bus::audit`](crate::Bus::audit) also asks other
//! instances for the names of their caches. [`Risk`] says how the scaling risk is told.
//!
//! What is flagged:
//!
//! - a coherent cache with a silent channel: it is not live (critical), or nothing was published or
//!   received in it yet (minor);
//! - a [`TtlCache`](crate::TtlCache) whose name another one has, in this process or, as far as they
//!   have audited within [`RECORD_TTL`], in other instances (minor);
//! - an event that evicts nothing anywhere: it was applied, and every closure given to an `evict_on`
//!   of its channel answered with `Evict::Nothing`, and nothing else subscribes (minor; critical for
//!   the event that means that everything is stale).

// `source` is what a cache keeps of each `evict_on`; `channels` asks the buses; `report` is what
// comes of it, `rows` makes it and `flags` says what is wrong in it; `table` and `json` write it.

mod channels;
mod flags;
mod json;
mod peers;
mod report;
mod rows;
mod source;
mod table;
#[cfg(test)]
mod tests;

use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::weak_list::WeakList;

pub use peers::{AuditError, RECORD_TTL};
pub use report::{Audit, Bound, EvictedBy, Flag, Kind, Place, Risk, Row, State, Traffic};
pub use source::Evicts;
pub(crate) use source::{Seen, Source};

/// A cache that an audit lists.
pub(crate) trait Audited: Send + Sync {
    fn describe(&self) -> Described;
}

/// A cache at the time of an audit.
pub(crate) struct Described {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// Where it was built.
    pub(crate) place: &'static Location<'static>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) bound: Bound,
    /// `None` where nothing is kept in this process.
    pub(crate) entries: Option<u64>,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// One for each `evict_on`: [`Source::describe`].
    pub(crate) evicted_by: Vec<Seen>,
    pub(crate) state: State,
    /// The [`id`](crate::bus::Shared::id) of its bus, if it has one.
    pub(crate) bus: Option<u64>,
}

static CACHES: WeakList<dyn Audited> = WeakList::new();

/// Has audits list a cache for as long as it lives.
pub(crate) fn enroll(cache: Weak<dyn Audited>) {
    CACHES.add(cache);
}

/// Every cache and every channel of this process, how it does, and what looks wrong with it.
///
/// It asks no server. [`Bus::audit`](crate::Bus::audit) does, and so knows of other instances.
///
/// # Examples
///
/// ```standalone_crate
/// use cache_runtime::{TtlCache, audit};
///
/// # fn main() -> Result<(), cache_runtime::BuildError> {
/// let suggestions = TtlCache::<String, u32>::builder().name("autocomplete").build()?;
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
    rows::assemble(described(), &channels::uses(), &[])
}

fn described() -> Vec<Described> {
    let caches = CACHES.living();
    caches.iter().map(|cache| cache.describe()).collect()
}
