//! What an audit shows of a cache in Redis.

use std::sync::Arc;

use super::policy::{OnFlush, WhileDown};
use super::shared::Shared;
use crate::audit::{Audited, Bound, Described, Kind, Source, State};
use crate::cache::coherent::proof::Proof;
use crate::cache::scheduled::reloads;
use crate::health::Cause;

impl<V: Clone + Send + Sync + 'static> Audited for Shared<V> {
    fn describe(&self) -> Described {
        let stats = self.stats();
        let memory = self.options.memory;
        Described {
            name: Arc::clone(&self.name),
            kind: match self.coherence {
                Some(_) => Kind::CoherentRedis,
                None => Kind::Redis,
            },
            place: self.place,
            ttl: Some(self.options.ttl),
            bound: memory.map_or(Bound::Ttl, |(_, entries)| Bound::Entries(entries as u64)),
            entries: memory.map(|_| self.engine.len() as u64),
            hits: stats.memory_hits + stats.redis_hits + stats.shared_loads,
            misses: stats.misses,
            evictions: memory.map(|_| stats.evictions),
            reloads: reloads(
                self.options
                    .scheduled
                    .iter()
                    .map(|scheduled| &scheduled.entry),
                String::clone,
                self.background.driver().now(),
            ),
            evicted_by: self
                .proofs()
                .map(Proof::source)
                .map(Source::describe)
                .collect(),
            state: self.state(),
            bus: Some(self.keyspace.bus_id()),
        }
    }

    #[cfg(any(feature = "metrics", feature = "otel"))]
    fn measure(&self, samples: &mut crate::telemetry::Samples) {
        let kind = match self.coherence {
            Some(_) => Kind::CoherentRedis,
            None => Kind::Redis,
        };
        super::measured::measure(self, kind, samples);
    }
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    fn state(&self) -> State {
        if self.keyspace.is_closed() {
            return State::Down(Cause::Closed.to_string());
        }
        match (self.breaker.cause(), self.options.while_down) {
            (Some(cause), WhileDown::Fail) => State::Down(cause.to_string()),
            (Some(cause), WhileDown::LoadWithoutRedis) => State::Bypassing(cause.to_string()),
            // While events are not proven to arrive, memory is never read.
            (None, _) if self.depends_on_proof() => State::of(&self.health(), false),
            (None, _) => State::Live,
        }
    }

    /// Whether the cache reads less while events are not proven to arrive: it then reads no memory,
    /// and with [`OnFlush::EvictRedis`] no entry in Redis.
    fn depends_on_proof(&self) -> bool {
        self.options.memory.is_some() || self.options.on_flush == OnFlush::EvictRedis
    }
}
