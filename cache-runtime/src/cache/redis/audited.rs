//! What an audit says of a cache in Redis.

use std::sync::Arc;

use super::inner::Inner;
use super::settings::{AfterLoss, RedisAway};
use crate::audit::{Audited, Bound, Described, Kind, Source, State};
use crate::cache::coherent::proof::Proof;
use crate::health::Cause;

impl<V: Clone + Send + Sync + 'static> Audited for Inner<V> {
    fn describe(&self) -> Described {
        let stats = self.stats();
        let memory = self.settings.memory;
        Described {
            name: Arc::clone(&self.name),
            kind: match self.coherence {
                Some(_) => Kind::CoherentRedis,
                None => Kind::Redis,
            },
            place: self.place,
            ttl: Some(self.settings.ttl),
            bound: memory.map_or(Bound::Ttl, |(_, entries)| Bound::Entries(entries as u64)),
            entries: memory.map(|_| self.engine.len() as u64),
            hits: stats.memory_hits + stats.redis_hits + stats.shared,
            misses: stats.misses,
            evicted_by: self
                .proofs()
                .map(Proof::source)
                .map(Source::describe)
                .collect(),
            state: self.state(),
            bus: Some(self.bus),
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    fn state(&self) -> State {
        if self.kv.is_closed() {
            return State::Down(Cause::Closed.to_string());
        }
        match (self.away.last(), self.settings.redis_away) {
            (Some(cause), RedisAway::Fail) => State::Down(cause.to_string()),
            (Some(cause), RedisAway::FetchWithout) => State::Bypassing(cause.to_string()),
            // Where events are not proven to arrive, memory is not read in any case.
            (None, _) if self.depends_on_proof() => State::of(&self.health(), false),
            (None, _) => State::Live,
        }
    }

    /// Whether anything is not read while events are not proven to arrive.
    fn depends_on_proof(&self) -> bool {
        self.settings.memory.is_some() || self.settings.after_loss == AfterLoss::EvictRedis
    }
}
