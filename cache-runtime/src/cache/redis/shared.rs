//! What the clones of a cache share, and the steps that reads, loads and refreshes have in common.
//! These are commands to Redis, encoding and decoding, and reporting failures.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tracing::{Instrument, debug_span, warn};

use super::background::Background;
use super::batch::Of;
use super::breaker::Breaker;
use super::codec::Codec;
use super::deletions::Deletions;
use super::entry::{Cached, Loaded};
use super::error::RedisCacheError;
use super::keys::Keys;
use super::options::Options;
use super::policy::OnFlush;
use super::stats::{Counters, RedisCacheStats};
use crate::cache::claims::Claim;
use crate::cache::coherent::proof::{self, Proof};
use crate::cache::memory::{Engine, Reclaiming, Storing, Tag};
use crate::clock::nanos;
use crate::counters::count;
use crate::health::{Cause, Health};
use crate::keyspace::Keyspace;
use crate::log_throttle::LogThrottle;
use crate::sync::Mutex;
use crate::transport::{Content, EntryKeys, Found};
use crate::wire::{Prose, Quoted};

pub(super) struct Shared<V> {
    pub(super) name: Arc<str>,
    pub(super) place: &'static Location<'static>,
    pub(super) options: Options<V>,
    pub(super) codec: Box<dyn Codec<V>>,
    pub(super) keyspace: Keyspace,
    pub(super) keys: Arc<Keys>,
    /// Kept so that no other cache takes the keys meanwhile.
    pub(super) _claim: Option<Arc<Claim>>,
    /// The memory level. In a cache without one it only makes the callers of a key share a load.
    pub(super) engine: Engine<String, Cached<V>>,
    pub(super) reclaiming: Reclaiming,
    /// `None` in a cache that no event evicts from.
    pub(super) coherence: Option<Coherence>,
    pub(super) breaker: Breaker,
    pub(super) background: Arc<Background>,
    pub(super) counters: Counters,
    pub(super) logs: Logs,
}

/// What only a coherent cache has.
pub(super) struct Coherence {
    /// One for each channel.
    pub(super) proofs: Box<[Proof]>,
    pub(super) deletions: Arc<Deletions>,
    /// The longest wait for deletions.
    pub(super) patience: Duration,
    /// Kept so that they end with the cache.
    pub(super) subscriptions: Mutex<Vec<Box<dyn Send + Sync>>>,
}

/// A throttle for each kind of failure, so that none hides another.
#[derive(Debug, Default)]
pub(super) struct Logs {
    pub(super) redis: LogThrottle,
    pub(super) deletions: LogThrottle,
    pub(super) undecodable: LogThrottle,
    pub(super) unstorable: LogThrottle,
    pub(super) refresh: LogThrottle,
    pub(super) lock: LogThrottle,
    pub(super) predicates: LogThrottle,
}

impl<V> Shared<V> {
    pub(super) fn proofs(&self) -> impl Iterator<Item = &Proof> {
        let proofs = self.coherence.iter().map(|coherence| &coherence.proofs);
        proofs.flatten()
    }

    /// The health of the first channel that is not live.
    pub(super) fn health(&self) -> Health {
        proof::health(self.proofs())
    }

    /// Whether loads take a lock in Redis: so that one instance loads at a time, or because a
    /// coherent cache stores nothing without a token.
    pub(super) fn locks(&self) -> bool {
        self.coherence.is_some() || self.options.load_lock.is_some()
    }
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// Whether events are proven to arrive on every channel; true in a cache that no event evicts
    /// from.
    fn is_proven(&self) -> bool {
        let clock = self.engine.clock();
        let now = clock.now();
        self.proofs().all(|proof| proof.holds(clock, now))
    }

    /// Whether Redis may be read. Publishers delete in Redis before they send an event, so usually
    /// it may be read even while events do not arrive.
    pub(super) fn trusts_redis(&self) -> bool {
        self.options.on_flush == OnFlush::KeepRedis || self.is_proven()
    }

    /// Whether memory may be read and written.
    pub(super) fn storing(&self) -> Storing {
        match (self.is_proven(), &self.options.memory) {
            (false, _) => Storing::Bypassed,
            (true, None) => Storing::No,
            (true, Some(_)) => Storing::Yes,
        }
    }

    pub(super) fn stats(&self) -> RedisCacheStats {
        let engine = self.engine.stats();
        RedisCacheStats {
            memory_hits: engine.hits,
            shared_loads: engine.shared_loads,
            hung_loads: engine.hung_loads,
            memory_stored: engine.stored,
            evictions: engine.evictions,
            ..self.counters.snapshot()
        }
    }

    /// The tag of an entry in memory: its group.
    pub(super) fn tag_of(&self, key: &str) -> Option<Tag> {
        Tag::new(&*self.keys.group_of(key)?).ok()
    }

    /// Waits for the deletions that events have asked for and that cover the entry.
    pub(super) async fn settled(&self, key: &str) -> Result<(), Cause> {
        self.settled_since(key, Instant::now()).await
    }

    /// As [`settled`](Self::settled), for a caller that has waited for others since `begun`.
    pub(super) async fn settled_since(&self, key: &str, begun: Instant) -> Result<(), Cause> {
        let Some(coherence) = &self.coherence else {
            return Ok(());
        };
        let group = self.keys.group_of(key);
        let entry = Of {
            key,
            group: group.as_deref(),
        };
        if coherence.deletions.covers(entry)
            && let Some(cause) = self.breaker.cause()
        {
            return Err(cause);
        }
        let patience = coherence.patience.saturating_sub(begun.elapsed());
        coherence.deletions.settled(entry, patience).await
    }

    /// Sends a command to Redis, unless the breaker is open.
    pub(super) fn ask<'a, T>(
        &'a self,
        command: impl Future<Output = Result<T, Cause>> + Send + 'a,
    ) -> impl Future<Output = Result<T, Cause>> + 'a
    where
        T: Send + 'a,
    {
        // Boxed because a command takes kilobytes, which would make every caller's future as large,
        // even if the caller finds everything in memory. Without its type, because the compiler
        // follows types only so deep to find out whether a caller's future is `Send`.
        let command: BoxFuture<'a, Result<T, Cause>> = Box::pin(command);
        async move {
            self.breaker.check()?;
            let result = command.await;
            self.breaker.record(&result);
            result
        }
    }

    /// Sends a command for each of some entries to Redis, unless the breaker is open.
    pub(super) async fn ask_each<'a, T>(
        &'a self,
        entries: usize,
        commands: impl Future<Output = Vec<Result<T, Cause>>> + Send + 'a,
    ) -> Vec<Result<T, Cause>>
    where
        T: Send + 'a,
    {
        if entries == 0 {
            return Vec::new();
        }
        let mut each = Vec::new();
        let all = async {
            each = commands.await;
            // One that did not answer tells more than those that did.
            let is_away =
                |cause: &&Cause| matches!(cause, Cause::Timeout(_) | Cause::Unreachable(_));
            let mut failed = each.iter().filter_map(|result| result.as_ref().err());
            failed.find(is_away).cloned().map_or(Ok(()), Err)
        };
        match self.ask(all).await {
            // The breaker is open.
            Err(cause) if each.is_empty() => (0..entries).map(|_| Err(cause.clone())).collect(),
            _ => each,
        }
    }

    /// The entry as it is in Redis.
    pub(super) async fn look_up(
        &self,
        key: &str,
        keys: &EntryKeys,
    ) -> Result<Option<Found>, Cause> {
        self.settled(key).await?;
        let span = debug_span!("cache.fetch", cache = &*self.name);
        self.ask(self.keyspace.lookup(keys)).instrument(span).await
    }

    /// Decodes an entry. If that fails it counts as missing.
    pub(super) fn read(&self, key: &str, found: &Found) -> Option<Cached<V>> {
        match self.decode(found) {
            Ok(loaded) => Some(self.cached(loaded, found.ttl)),
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

    fn decode(&self, found: &Found) -> Result<Loaded<V>, String> {
        if found.is_absence {
            let category = std::str::from_utf8(&found.value);
            let category = category.map_err(|_| "the category is not UTF-8".to_owned());
            return category.map(Loaded::absent);
        }
        let limit = self.options.max_value_bytes;
        if found.value.len() > limit {
            return Err(format!(
                "it has more than the {limit} bytes that are allowed"
            ));
        }
        // The codec is the user's code.
        match catch_unwind(AssertUnwindSafe(|| self.codec.decode(&found.value))) {
            Ok(decoded) => decoded
                .map(Loaded::Present)
                .map_err(|error| error.to_string()),
            Err(_) => Err("the codec panicked".to_owned()),
        }
    }

    /// What an entry is to hold; the value is encoded into `bytes`.
    pub(super) fn encode<'a>(
        &self,
        loaded: &'a Loaded<V>,
        bytes: &'a mut Vec<u8>,
    ) -> Result<Content<'a>, RedisCacheError> {
        let value = match loaded {
            Loaded::Present(value) => value,
            Loaded::Absent { category } => return Ok(Content::Absence(category)),
        };
        let encoded = catch_unwind(AssertUnwindSafe(|| self.codec.encode(value, bytes)));
        let error = match encoded {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it panicked".to_owned()),
        };
        if let Some(error) = error {
            count(&self.counters.unencodable);
            // It may quote the value.
            let error = Prose(&error).to_string();
            return Err(RedisCacheError::encode(&self.name, error));
        }
        let (length, limit) = (bytes.len(), self.options.max_value_bytes);
        if length > limit {
            count(&self.counters.too_large);
            return Err(RedisCacheError::too_large(&self.name, length, limit));
        }
        Ok(Content::Value(bytes))
    }

    /// Stores an entry in Redis without a token: only for caches that no event evicts from.
    pub(super) async fn put(
        &self,
        keys: &EntryKeys,
        content: Content<'_>,
        ttl: Duration,
    ) -> Result<(), Cause> {
        self.ask(self.keyspace.put(keys, content, ttl)).await
    }

    /// An entry that lives in Redis for `left`; `None` if it does not expire there.
    pub(super) fn cached(&self, loaded: Loaded<V>, left: Option<Duration>) -> Cached<V> {
        let left = left.unwrap_or(self.options.ttl);
        let ahead = match (&loaded, self.options.refresh_ahead) {
            (Loaded::Present(_), Some(ahead)) => nanos(ahead),
            // An absent entry is loaded anew after its expiry, not before.
            _ => return Cached::new(loaded, left),
        };
        let now = self.engine.clock().now();
        Cached {
            loaded,
            left,
            refresh_at: (now + nanos(left)).saturating_sub(ahead),
        }
    }

    /// Reports a command that failed, when the caller goes on without Redis.
    pub(super) fn redis_failed(&self, doing: &'static str, cause: &Cause) {
        count(&self.counters.redis_errors);
        if let Some(skipped) = self.logs.redis.admit() {
            warn!(cache = %self.name, %cause, skipped, "an entry could not be {doing}; going on without Redis");
        }
    }

    /// Reports a command that failed, when the caller receives the error.
    pub(super) fn redis_error(&self, doing: &'static str, cause: Cause) -> RedisCacheError {
        count(&self.counters.redis_errors);
        RedisCacheError::redis(&self.name, doing, cause)
    }
}
