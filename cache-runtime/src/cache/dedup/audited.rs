//! What an audit shows of a deduplication.

use std::sync::Arc;

use super::shared::Shared;
use crate::audit::{Audited, Bound, Described, Kind};

impl Audited for Shared {
    fn describe(&self) -> Described {
        let stats = self.counters.snapshot();
        Described {
            name: Arc::clone(&self.name),
            kind: Kind::Dedup,
            place: self.place,
            ttl: Some(self.ttl),
            bound: Bound::Ttl,
            entries: None,
            hits: stats.duplicates,
            misses: stats.reserved,
            evictions: None,
            reloads: None,
            evicted_by: Vec::new(),
            state: self.last_answer.state(&self.keyspace),
            bus: Some(self.keyspace.bus_id()),
        }
    }

    #[cfg(any(feature = "metrics", feature = "otel"))]
    fn measure(&self, samples: &mut crate::telemetry::Samples) {
        use crate::telemetry::instruments::RESERVATIONS;

        let stats = self.counters.snapshot();
        let mut of = samples.of(&[("dedup.name", &self.name)]);
        for (result, count) in [
            ("reserved", stats.reserved),
            ("duplicate", stats.duplicates),
            ("error", stats.failed),
        ] {
            of.count_by(&RESERVATIONS, "dedup.result", result, count);
        }
    }
}
