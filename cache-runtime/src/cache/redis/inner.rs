//! A cache and what it asks of Redis: reading an entry, encoding one, and taking note of failures.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::warn;

use super::away::{Away, Throttle};
use super::background::Background;
use super::codec::Codec;
use super::coherence::Seats;
use super::entry::{Cached, Fetched, Stored, absent, found};
use super::error::RedisCacheError;
use super::keys::Keys;
use super::pending::Pending;
use super::settings::{AfterLoss, Settings};
use super::stats::{Counters, count};
use crate::cache::coherent::proof::Proof;
use crate::cache::memory::Reclaiming;
use crate::cache::memory::{Engine, Storing};
use crate::clock::{Nanos, nanos};
use crate::health::{Cause, Health};
use crate::keyspace::Keyspace;
use crate::transport::{EntryKeys, Found};
use crate::wire::{Prose, Quoted};

pub(super) struct Inner<V> {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) bus: u64,
    pub(super) settings: Settings<V>,
    pub(super) codec: Box<dyn Codec<V>>,
    pub(super) kv: Keyspace,
    pub(super) keys: Arc<Keys>,
    /// The memory level. Without one it serves to look for each key once at a time.
    pub(super) engine: Engine<String, Cached<V>>,
    pub(super) reclaiming: Reclaiming,
    pub(super) coherence: Option<Coherence>,
    pub(super) away: Away,
    pub(super) background: Arc<Background>,
    pub(super) counters: Counters,
    pub(super) logs: Logs,
}

/// What only a coherent cache has.
pub(super) struct Coherence {
    pub(super) proofs: Box<[Proof]>,
    pub(super) pending: Arc<Pending>,
    /// Longest time to wait for deletions.
    pub(super) patience: Duration,
    /// Only dropped.
    pub(super) subscriptions: Mutex<Seats>,
}

/// One for each kind of failure, so that none hides another.
#[derive(Debug, Default)]
pub(super) struct Logs {
    pub(super) redis: Throttle,
    pub(super) deletions: Throttle,
    pub(super) undecodable: Throttle,
    pub(super) unstorable: Throttle,
    pub(super) refresh: Throttle,
    pub(super) lock: Throttle,
}

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    /// Of every channel that evicts.
    pub(super) fn proofs(&self) -> impl Iterator<Item = &Proof> {
        let proofs = self.coherence.iter().map(|coherence| &coherence.proofs);
        proofs.flatten()
    }

    /// Whether events are proven to arrive on every channel; so they are where none evicts.
    pub(super) fn is_proven(&self) -> bool {
        let clock = self.engine.clock();
        let now = clock.now();
        self.proofs().all(|proof| proof.holds(clock, now))
    }

    /// Whether what is in Redis may be read. Publishers delete there before an event leaves, so in
    /// general it may, whether events arrive or not.
    pub(super) fn trusts_redis(&self) -> bool {
        self.settings.after_loss == AfterLoss::KeepRedis || self.is_proven()
    }

    pub(super) fn storing(&self) -> Storing {
        if self.settings.memory.is_some() && self.is_proven() {
            Storing::Yes
        } else {
            Storing::No
        }
    }

    pub(super) fn health(&self) -> Health {
        let mut all = self.proofs().map(Proof::health);
        all.find(|health| !health.is_live()).unwrap_or(Health::Live)
    }

    /// Waits until nothing of the entry is still to be deleted because of an event.
    pub(super) async fn settled(&self, key: &str) -> Result<(), Cause> {
        let Some(coherence) = &self.coherence else {
            return Ok(());
        };
        if coherence.pending.covers(key)
            && let Some(cause) = self.away.last()
        {
            return Err(cause);
        }
        coherence.pending.settled(key, coherence.patience).await
    }

    /// Asks Redis, unless it is known to be away.
    pub(super) fn ask<'a, T>(
        &'a self,
        question: impl Future<Output = Result<T, Cause>> + 'a,
    ) -> impl Future<Output = Result<T, Cause>> + 'a {
        // What talks to the server takes kilobytes, which callers would carry about even where
        // everything is in memory.
        let question = Box::pin(question);
        async move {
            if let Some(cause) = self.away.cause() {
                return Err(cause);
            }
            let answer = question.await;
            self.away.heard(&answer);
            answer
        }
    }

    /// The entry as it is in Redis.
    pub(super) async fn look_up(
        &self,
        key: &str,
        names: &EntryKeys,
    ) -> Result<Option<Found>, Cause> {
        self.settled(key).await?;
        self.ask(self.kv.lookup(names)).await
    }

    /// Decodes an entry. What does not decode counts as missing.
    pub(super) fn read(&self, key: &str, found: &Found) -> Option<Cached<V>> {
        let decoded = Stored::parse(&found.value)
            .map_err(str::to_owned)
            .and_then(|stored| self.decode(&stored));
        match decoded {
            Ok(fetched) => Some(self.cached(fetched, found.ttl)),
            Err(error) => {
                count(&self.counters.undecodable);
                if let Some(skipped) = self.logs.undecodable.admit() {
                    warn!(
                        cache = %self.name, key = %Quoted(key), error = %Prose(&error), skipped,
                        "a value in Redis does not decode; it counts as missing"
                    );
                }
                None
            }
        }
    }

    fn decode(&self, stored: &Stored<'_>) -> Result<Fetched<V>, String> {
        match stored {
            Stored::Absent(category) => Ok(Fetched::absent(*category)),
            // The codec is the user's code.
            Stored::Found(bytes) => {
                match catch_unwind(AssertUnwindSafe(|| self.codec.decode(bytes))) {
                    Ok(decoded) => decoded
                        .map(Fetched::Found)
                        .map_err(|error| error.to_string()),
                    Err(_) => Err("the codec panicked".to_owned()),
                }
            }
        }
    }

    /// The bytes of an entry.
    pub(super) fn encode(&self, fetched: &Fetched<V>) -> Result<Vec<u8>, RedisCacheError> {
        let value = match fetched {
            Fetched::Found(value) => value,
            Fetched::Absent { category } => return Ok(absent(category)),
        };
        let mut bytes = found();
        let start = bytes.len();
        let encoded = catch_unwind(AssertUnwindSafe(|| self.codec.encode(value, &mut bytes)));
        let error = match encoded {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it panicked".to_owned()),
        };
        if let Some(error) = error {
            count(&self.counters.unencodable);
            return Err(RedisCacheError::encode(&self.name, error));
        }
        let (length, limit) = (bytes.len() - start, self.settings.max_value_bytes);
        if length > limit {
            count(&self.counters.too_large);
            return Err(RedisCacheError::too_large(&self.name, length, limit));
        }
        Ok(bytes)
    }

    /// An entry that is in Redis for so long.
    pub(super) fn cached(&self, fetched: Fetched<V>, left: Option<Duration>) -> Cached<V> {
        let left = left.unwrap_or(self.settings.ttl);
        let ahead = match (&fetched, self.settings.refresh_ahead) {
            (Fetched::Found(_), Some(ahead)) => nanos(ahead),
            // That there is nothing is asked again when its time is over, not before.
            _ => return Cached::new(fetched, left),
        };
        let now = self.engine.clock().now();
        Cached {
            fetched,
            left,
            refresh_at: (now + nanos(left)).saturating_sub(ahead),
        }
    }

    /// Redis could not be asked or told, and nobody else will say so.
    pub(super) fn redis_failed(&self, doing: &'static str, cause: &Cause) {
        count(&self.counters.redis_errors);
        if let Some(skipped) = self.logs.redis.admit() {
            warn!(cache = %self.name, %cause, skipped, "an entry could not be {doing}; going on without Redis");
        }
    }

    /// Redis could not be asked or told, and the caller is to know.
    pub(super) fn redis_error(&self, doing: &'static str, cause: Cause) -> RedisCacheError {
        count(&self.counters.redis_errors);
        RedisCacheError::redis(&self.name, doing, cause)
    }
}

impl<V> Cached<V> {
    /// One that is never refreshed ahead of time.
    pub(super) fn new(fetched: Fetched<V>, left: Duration) -> Self {
        Self {
            fetched,
            left,
            refresh_at: Nanos::MAX,
        }
    }
}
