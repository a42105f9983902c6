//! The caches of this process.

use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::reloads::Reloads;
use super::report::{Bound, Kind, State};
use super::source::Seen;
use crate::counters::Evictions;
use crate::weak_list::WeakList;

/// A cache that audits list.
pub(crate) trait Audited: Send + Sync {
    fn describe(&self) -> Described;

    /// Adds the values of its metrics.
    #[cfg(any(feature = "metrics", feature = "otel"))]
    fn measure(&self, samples: &mut crate::telemetry::Samples);
}

/// A cache at the time of an audit.
pub(crate) struct Described {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// Where it was built.
    pub(crate) place: &'static Location<'static>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) bound: Bound,
    /// The number of entries; `None` if it keeps nothing in this process.
    pub(crate) entries: Option<u64>,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// How many entries have left its memory; `None` if that is not counted.
    pub(crate) evictions: Option<Evictions>,
    /// One [`Seen`] for each `evict_on`.
    pub(crate) evicted_by: Vec<Seen>,
    pub(crate) state: State,
    /// Its loads in the background, if it has such.
    pub(crate) reloads: Option<Reloads>,
    /// The id of its bus, if it has one.
    pub(crate) bus: Option<u64>,
}

static CACHES: WeakList<dyn Audited> = WeakList::new();

/// Makes audits list a cache for as long as it lives.
pub(crate) fn enroll<C: Audited + 'static>(cache: &Arc<C>) {
    let cache: Weak<C> = Arc::downgrade(cache);
    CACHES.add(cache);
}

/// Adds the values of the metrics of every cache of this process.
#[cfg(any(feature = "metrics", feature = "otel"))]
pub(super) fn measure(samples: &mut crate::telemetry::Samples) {
    for cache in CACHES.living() {
        cache.measure(samples);
    }
}

/// Every cache of this process.
pub(super) fn described() -> Vec<Described> {
    let caches = CACHES.living();
    caches.iter().map(|cache| cache.describe()).collect()
}
