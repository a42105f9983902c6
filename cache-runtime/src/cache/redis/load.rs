//! The way of a read: memory, Redis, the lock, the loader, and back.
//!
//! Per key, one caller in a process takes these steps; the others await its result. Where the cache
//! has a lock in Redis, one instance at a time loads, and holds a token in Redis meanwhile. Every
//! eviction of the entry deletes the token, and without it a coherent cache stores nothing in
//! Redis. Nor does it if memory knows that the load was overtaken: a token that was taken after the
//! deletion does not tell that the loader has read from a cache that had not evicted yet.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::time::Sleep;
use tracing::{debug, warn};

use super::entry::{Cached, Loaded};
use super::error::{LoadError, RedisCacheError};
use super::load_lock::{LoadLock, Sought};
use super::policy::WhileDown;
use super::shared::Shared;
use crate::cache::error::LoadTimedOut;
use crate::cache::memory::{self, Failure, LeadingLoad, Storing, Turn};
use crate::counters::count;
use crate::health::Cause;
use crate::io_thread::sleep;
use crate::transport::{Content, EntryKeys, Filled, Seek};
use crate::wire::Quoted;

/// Where an entry is, or may be, kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// In Redis, and in memory.
    InRedis,
    /// In memory only: Redis failed, or another instance loads and will store its value there.
    InMemory,
    /// Neither: it must not be stored, cannot be, or was evicted while it was loaded.
    Nowhere,
}

/// What is known before the loader is called.
enum Begun<'a, V: Clone> {
    Found(Cached<V>),
    /// The load of another caller has failed, with an error of the same type.
    Failed(Failure),
    /// Redis is away, and the cache is to fail then.
    Refused(LeadingLoad<'a, String, Cached<V>>, RedisCacheError),
    /// The caller loads.
    Lead(Box<Lead<'a, V>>),
}

/// The turn to load an entry.
pub(super) struct Lead<'a, V: Clone> {
    /// Dropped first: the lock is given back before the next caller has the turn.
    pub(super) lock: Option<LoadLock>,
    pub(super) turn: LeadingLoad<'a, String, Cached<V>>,
    pub(super) keys: EntryKeys,
    pub(super) redis_answers: bool,
}

/// Counts a load as failed when it is dropped, unless it is finished.
pub(super) struct Unfinished<'a>(pub(super) Option<&'a AtomicU64>);

impl Unfinished<'_> {
    pub(super) fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(counter) = self.0 {
            count(counter);
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// The entry, or what the loader returns. `load` is empty afterwards if the loader was called.
    pub(super) async fn get_or_load<L, F, E>(
        &self,
        key: &str,
        load: &mut Option<L>,
    ) -> Result<Cached<V>, LoadError<E>>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<Loaded<V>, E>>,
        E: Send + Sync + 'static,
    {
        if let Some(cached) = self.in_memory(key) {
            return Ok(cached);
        }
        let look_further = async {
            let leading = match self.begin(key, memory::failed_with::<LoadError<E>>).await {
                Begun::Found(cached) => return Ok(cached),
                Begun::Failed(failure) => {
                    return Err(LoadError::clone(&*memory::error_of(failure)));
                }
                Begun::Refused(turn, error) => return fail(turn, LoadError::Redis(error)),
                Begun::Lead(leading) => leading,
            };
            let load = load.take().expect("a caller loads once");
            let ended = leading.turn.run(self.limit(), self.run(load)).await;
            match self.ended(ended) {
                Ok(loaded) => Ok(self.finish(key, *leading, loaded).await),
                Err(error) => {
                    let Lead { lock, turn, .. } = *leading;
                    drop(lock);
                    fail(turn, error)
                }
            }
        };
        // Boxed, so that the futures of caches over caches do not grow beyond what the compiler
        // follows. What is in memory does without.
        Box::pin(look_further).await
    }

    /// The steps before the loader. They do not know its types, so that they are compiled once for
    /// many loaders, as are those after it.
    async fn begin(&self, key: &str, is_own: fn(&Failure) -> bool) -> Begun<'_, V> {
        let turn = match self.engine.turn(key, &|| self.storing(), is_own).await {
            Turn::Value(cached) => return Begun::Found(cached),
            Turn::Failed(failure) => {
                count(&self.counters.misses);
                return Begun::Failed(failure);
            }
            Turn::Lead(turn) => turn,
        };
        let keys = self.keys.of(key);
        let (lock, redis_answers) = match self.seek(key, &keys, turn.is_nested()).await {
            Ok(Sought::Found(cached)) => {
                count(&self.counters.redis_hits);
                self.end(turn, &cached, Kept::InRedis);
                return Begun::Found(cached);
            }
            Ok(Sought::Missing(lock)) => (lock, true),
            Err(cause) if self.options.while_down == WhileDown::Fail => {
                return Begun::Refused(turn, self.redis_error("read", cause));
            }
            Err(cause) => {
                self.redis_failed("read", &cause);
                (None, false)
            }
        };
        count(&self.counters.misses);
        Begun::Lead(Box::new(Lead {
            lock,
            turn,
            keys,
            redis_answers,
        }))
    }

    /// The steps after the loader.
    async fn finish(&self, key: &str, lead: Lead<'_, V>, loaded: Loaded<V>) -> Cached<V> {
        let Lead {
            lock,
            turn,
            keys,
            redis_answers,
        } = lead;
        let (cached, kept) = if redis_answers {
            let tag = self.tag_of(key);
            let untouched = || turn.is_untouched(tag.as_slice());
            self.keep(key, &keys, loaded, lock, &untouched).await
        } else {
            match self.options.ttl_of(&loaded) {
                Some(ttl) => (Cached::new(loaded, ttl), Kept::InMemory),
                None => nowhere(loaded),
            }
        };
        self.end(turn, &cached, kept);
        cached
    }

    /// Gives an entry to the callers in line. They receive it even if it may not be stored.
    pub(super) fn end(
        &self,
        turn: LeadingLoad<'_, String, Cached<V>>,
        cached: &Cached<V>,
        kept: Kept,
    ) {
        if kept != Kept::Nowhere && self.storing() == Storing::Yes {
            let _ = turn.finish(cached.clone());
        } else {
            turn.pass(cached.clone());
        }
    }

    /// Looks for the entry in Redis. If it is missing, takes the lock, or waits for the instance
    /// that has it. A `nested` load does not wait, because its own caller may have the lock.
    async fn seek(&self, key: &str, keys: &EntryKeys, nested: bool) -> Result<Sought<V>, Cause> {
        if !self.trusts_redis() {
            return Ok(Sought::Missing(None));
        }
        let mut seek = Seek::Missing;
        if let Some(found) = self.look_up(key, keys).await? {
            if let Some(cached) = self.read(key, &found) {
                return Ok(Sought::Found(cached));
            }
            seek = Seek::Refresh;
        }
        if nested || !self.locks() {
            return Ok(Sought::Missing(None));
        }
        self.lock_or_wait(key, keys, seek).await
    }

    /// When a load that begins now is given up.
    pub(super) fn limit(&self) -> Option<Pin<Box<Sleep>>> {
        let limit = self.options.load_timeout?;
        Some(Box::pin(sleep(limit)))
    }

    /// How a load has ended, which is `None` if it was given up.
    pub(super) fn ended<T, E>(&self, ended: Option<Result<T, E>>) -> Result<T, LoadError<E>> {
        let limit = self.options.load_timeout.unwrap_or_default();
        let late = || LoadError::TimedOut(LoadTimedOut::new(&self.name, limit));
        let ended = ended.ok_or_else(late)?;
        ended.map_err(|error| LoadError::Load(Arc::new(error)))
    }

    /// Runs a loader, and counts it.
    pub(super) async fn run<F, E>(&self, load: impl FnOnce() -> F) -> Result<Loaded<V>, E>
    where
        F: Future<Output = Result<Loaded<V>, E>>,
    {
        count(&self.counters.loads);
        let unfinished = Unfinished(Some(&self.counters.failed_loads));
        let loaded = self.engine.watched(load).await?;
        unfinished.finish();
        Ok(loaded)
    }

    /// Stores a loaded entry in Redis, if memory still says that the load is `untouched`.
    pub(super) async fn keep(
        &self,
        key: &str,
        keys: &EntryKeys,
        loaded: Loaded<V>,
        lock: Option<LoadLock>,
        untouched: &(dyn Fn() -> bool + Sync),
    ) -> (Cached<V>, Kept) {
        let mut bytes = Vec::new();
        let Some(ttl) = self.prepare(key, &loaded, &mut bytes, untouched) else {
            return nowhere(loaded);
        };
        let content = content_of(&loaded, &bytes);
        let kept = match self.store(key, keys, content, ttl, lock).await {
            Ok(Kept::InRedis) => {
                count(&self.counters.stored);
                return (self.cached(loaded, Some(ttl)), Kept::InRedis);
            }
            Ok(kept) => {
                count(&self.counters.refused);
                kept
            }
            Err(cause) => {
                self.redis_failed("stored", &cause);
                Kept::InMemory
            }
        };
        (Cached::new(loaded, ttl), kept)
    }

    /// Encodes a loaded entry into `bytes`. Returns its TTL if it is to be stored in Redis.
    pub(super) fn prepare(
        &self,
        key: &str,
        loaded: &Loaded<V>,
        bytes: &mut Vec<u8>,
        untouched: &dyn Fn() -> bool,
    ) -> Option<Duration> {
        let ttl = self.options.ttl_of(loaded)?;
        if let Err(error) = self.encode(loaded, bytes) {
            if let Some(skipped) = self.logs.unstorable.admit() {
                warn!(
                    cache = %self.name, key = %Quoted(key), skipped,
                    "{error}; every read loads it"
                );
            }
            return None;
        }
        if self.coherence.is_some() && !untouched() {
            count(&self.counters.refused);
            return None;
        }
        Some(ttl)
    }

    /// Stores bytes in Redis, unless something has happened to the entry since the lock was taken.
    async fn store(
        &self,
        key: &str,
        keys: &EntryKeys,
        content: Content<'_>,
        ttl: Duration,
        mut lock: Option<LoadLock>,
    ) -> Result<Kept, Cause> {
        let Some(token) = lock.as_mut().and_then(LoadLock::take) else {
            if self.coherence.is_some() {
                // Another instance has the token.
                return Ok(Kept::InMemory);
            }
            self.put(keys, content, ttl).await?;
            return Ok(Kept::InRedis);
        };
        let filled = self.ask(self.keyspace.fill(&token, content, ttl)).await?;
        if filled == Filled::Stored {
            return Ok(Kept::InRedis);
        }
        self.not_filled(key, keys, content, ttl, lock.as_ref())
            .await
    }

    /// Where bytes are kept that Redis has not stored, because the token was gone.
    pub(super) async fn not_filled(
        &self,
        key: &str,
        keys: &EntryKeys,
        content: Content<'_>,
        ttl: Duration,
        lock: Option<&LoadLock>,
    ) -> Result<Kept, Cause> {
        let lock_ttl = self.options.lock_ttl;
        if !lock.is_some_and(|lock| lock.has_expired(lock_ttl)) {
            debug!(cache = %self.name, key = %Quoted(key), "evicted or overwritten while it was loaded; not stored");
            return Ok(Kept::Nowhere);
        }
        if let Some(skipped) = self.logs.lock.admit() {
            warn!(
                cache = %self.name, key = %Quoted(key), ?lock_ttl, skipped,
                "a load took longer than its lock: `lock_ttl` should be longer"
            );
        }
        if self.coherence.is_some() {
            // An event may have evicted the entry too: the expired token does not tell.
            return Ok(Kept::Nowhere);
        }
        self.put(keys, content, ttl).await?;
        Ok(Kept::InRedis)
    }
}

/// Gives an error to the callers in line, and to this one.
pub(super) fn fail<V: Clone, T, E: Send + Sync + 'static>(
    turn: LeadingLoad<'_, String, Cached<V>>,
    error: LoadError<E>,
) -> Result<T, LoadError<E>> {
    turn.fail(&Arc::new(error.clone()));
    Err(error)
}

/// What an entry holds whose value was encoded into `bytes`.
pub(super) fn content_of<'a, V>(loaded: &'a Loaded<V>, bytes: &'a [u8]) -> Content<'a> {
    match loaded {
        Loaded::Present(_) => Content::Value(bytes),
        Loaded::Absent { category } => Content::Absence(category),
    }
}

pub(super) fn nowhere<V>(loaded: Loaded<V>) -> (Cached<V>, Kept) {
    (Cached::new(loaded, Duration::ZERO), Kept::Nowhere)
}
