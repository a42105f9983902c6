//! The values of the metrics of a cache in memory.

use std::hash::Hash;

use super::engine::Engine;
use crate::audit::Kind;
use crate::cache::measured::{self, cache};
use crate::telemetry::instruments::{
    ENTRIES, LOAD_FAILURES, LOADS, LOADS_ACTIVE, LOADS_HUNG, LOADS_OVERTAKEN, WEIGHT,
};
use crate::telemetry::{Of, Samples};

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    /// Of a cache that is in memory only.
    pub(crate) fn measure(&self, kind: Kind, samples: &mut Samples) {
        let stats = self.stats();
        let mut of = cache(samples, self.name(), kind);
        measured::reads(
            &mut of,
            &[
                ("hit", stats.hits),
                ("shared", stats.shared_loads),
                ("miss", stats.misses),
            ],
        );
        of.count(&LOADS, stats.loads);
        of.count(&LOAD_FAILURES, stats.failed_loads);
        of.count(&LOADS_OVERTAKEN, stats.overtaken_loads);
        measured::durations(&mut of, self.durations());
        self.measure_memory(&mut of);
    }

    /// What is in memory.
    pub(crate) fn measure_memory(&self, of: &mut Of<'_>) {
        let stats = self.stats();
        of.count(&LOADS_HUNG, stats.hung_loads);
        of.amount(&LOADS_ACTIVE, stats.loading);
        of.amount(&ENTRIES, self.len() as u64);
        of.amount(&WEIGHT, self.store.weight());
        measured::evictions(of, &stats.evictions);
    }
}
