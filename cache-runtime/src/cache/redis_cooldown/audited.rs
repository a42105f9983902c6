//! What an audit shows of a cooldown in Redis.

use std::sync::Arc;

use super::shared::Shared;
use crate::audit::{Audited, Bound, Described, Kind};

impl Audited for Shared {
    fn describe(&self) -> Described {
        Described {
            name: Arc::clone(&self.name),
            kind: Kind::RedisCooldown,
            place: self.place,
            ttl: Some(self.period),
            bound: Bound::Ttl,
            entries: None,
            hits: 0,
            misses: 0,
            evictions: None,
            reloads: None,
            evicted_by: Vec::new(),
            state: self.last_answer.state(&self.keyspace),
            bus: Some(self.keyspace.bus_id()),
        }
    }

    #[cfg(any(feature = "metrics", feature = "otel"))]
    fn measure(&self, samples: &mut crate::telemetry::Samples) {
        use crate::telemetry::instruments::COOLDOWNS;

        let stats = self.counters.snapshot();
        let mut of = samples.of(&[("cooldown.name", &self.name)]);
        for (result, count) in [
            ("started", stats.started),
            ("refused", stats.refused),
            ("error", stats.failed),
        ] {
            of.count_by(&COOLDOWNS, "cooldown.result", result, count);
        }
    }
}
