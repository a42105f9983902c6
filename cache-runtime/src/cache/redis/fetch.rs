//! The way of a read: memory, Redis, the lock, the fetch, and back.
//!
//! One caller a key and process goes it; the others wait for what comes of it. Where the cache has a lock
//! in Redis, one instance at a time fetches, and holds a token there meanwhile, which every eviction
//! of the entry deletes: without it nothing is stored.

use std::time::Duration;

use tracing::{debug, warn};

use super::entry::{Cached, Fetched};
use super::error::FetchError;
use super::inner::Inner;
use super::lock::Ticket;
use super::settings::RedisAway;
use super::stats::count;
use crate::cache::memory::{Storing, Turn};
use crate::health::Cause;
use crate::transport::{EntryKeys, Filled, Seek};
use crate::wire::Quoted;

/// What looking in Redis has come to.
pub(super) enum Sought<V> {
    Hit(Cached<V>),
    /// It is ours to fetch.
    Ours(Option<Ticket>),
}

/// What a caller has fetched may be stored.
enum Keeping {
    /// In Redis, with the token if there is one.
    Redis(Option<Ticket>),
    /// Redis is away, or not to be trusted.
    Memory,
}

/// What became of storing in Redis.
#[derive(PartialEq, Eq)]
enum Stored {
    Yes,
    /// Another instance fetches, and will store what it has got.
    LeftToAnother,
    /// Something has happened to the entry since the fetch began.
    Overtaken,
}

/// What was fetched, and where it is.
pub(super) struct Kept<V> {
    pub(super) cached: Cached<V>,
    pub(super) in_redis: bool,
    /// Whether it may be kept there.
    pub(super) in_memory: bool,
}

impl<V> Kept<V> {
    /// Nowhere.
    fn nowhere(fetched: Fetched<V>) -> Self {
        Self::in_memory(fetched, Duration::ZERO, false)
    }

    fn in_memory(fetched: Fetched<V>, ttl: Duration, in_memory: bool) -> Self {
        Self {
            cached: Cached::new(fetched, ttl),
            in_redis: false,
            in_memory,
        }
    }
}

/// Counts a fetch that has not come to an end as failed.
pub(super) struct Attempt<'a, V> {
    inner: &'a Inner<V>,
    done: bool,
}

impl<'a, V> Attempt<'a, V> {
    pub(super) fn begin(inner: &'a Inner<V>) -> Self {
        count(&inner.counters.fetches);
        Self { inner, done: false }
    }

    pub(super) fn done(mut self) {
        self.done = true;
    }
}

impl<V> Drop for Attempt<'_, V> {
    fn drop(&mut self) {
        if !self.done {
            count(&self.inner.counters.failed_fetches);
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    /// The entry, or what `loader` fetches; it is taken out if it is called.
    pub(super) async fn get_or_fetch<L, F, E>(
        &self,
        key: &str,
        loader: &mut Option<L>,
    ) -> Result<Cached<V>, FetchError<E>>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<Fetched<V>, E>>,
    {
        if self.storing() == Storing::Yes
            && let Some(cached) = self.engine.get(key)
        {
            return Ok(cached);
        }
        let lead = match self.engine.turn(key, || self.storing()).await {
            Turn::Value(cached) => return Ok(cached),
            Turn::Lead(lead) => lead,
        };
        // Without a value `lead` is dropped, and the next who waits goes the way.
        let Kept {
            cached, in_memory, ..
        } = self.load(key, loader).await?;
        if in_memory && self.storing() == Storing::Yes {
            // If it may not be stored, whoever waits has it all the same.
            let _ = lead.finish(cached.clone());
        } else {
            lead.pass(cached.clone());
        }
        Ok(cached)
    }

    /// The entry from Redis or from the loader.
    async fn load<L, F, E>(
        &self,
        key: &str,
        loader: &mut Option<L>,
    ) -> Result<Kept<V>, FetchError<E>>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<Fetched<V>, E>>,
    {
        let names = self.keys.of(key);
        let keeping = match self.seek(key, &names).await {
            Ok(Sought::Hit(cached)) => {
                count(&self.counters.redis_hits);
                return Ok(Kept {
                    cached,
                    in_redis: true,
                    in_memory: true,
                });
            }
            Ok(Sought::Ours(ticket)) => Keeping::Redis(ticket),
            Err(cause) if self.settings.redis_away == RedisAway::Fail => {
                return Err(FetchError::Redis(self.redis_error("read", cause)));
            }
            Err(cause) => {
                self.redis_failed("read", &cause);
                Keeping::Memory
            }
        };
        count(&self.counters.misses);
        let attempt = Attempt::begin(self);
        let loader = loader.take().expect("a way is gone once");
        let fetched = loader().await.map_err(FetchError::Fetch)?;
        attempt.done();
        Ok(match keeping {
            Keeping::Redis(ticket) => self.keep(key, &names, fetched, ticket).await,
            Keeping::Memory => self.keep_in_memory(fetched),
        })
    }

    /// Looks for the entry in Redis, or for the right to fetch it.
    async fn seek(&self, key: &str, names: &EntryKeys) -> Result<Sought<V>, Cause> {
        if !self.trusts_redis() {
            return Ok(Sought::Ours(None));
        }
        let mut seek = Seek::Missing;
        if let Some(found) = self.look_up(key, names).await? {
            if let Some(cached) = self.read(key, &found) {
                return Ok(Sought::Hit(cached));
            }
            seek = Seek::Refresh;
        }
        if !self.locks() {
            return Ok(Sought::Ours(None));
        }
        self.take_turns(key, names, seek).await
    }

    /// Stores what was fetched in Redis.
    pub(super) async fn keep(
        &self,
        key: &str,
        names: &EntryKeys,
        fetched: Fetched<V>,
        ticket: Option<Ticket>,
    ) -> Kept<V> {
        let Some(ttl) = self.settings.ttl_of(&fetched) else {
            return Kept::nowhere(fetched);
        };
        let bytes = match self.encode(&fetched) {
            Ok(bytes) => bytes,
            Err(error) => {
                if let Some(skipped) = self.logs.unstorable.admit() {
                    warn!(key = %Quoted(key), skipped, "{error}; it is fetched each time");
                }
                return Kept::nowhere(fetched);
            }
        };
        match self.store(key, names, &bytes, ttl, ticket).await {
            Ok(Stored::Yes) => {
                count(&self.counters.stored);
                Kept {
                    cached: self.cached(fetched, Some(ttl)),
                    in_redis: true,
                    in_memory: true,
                }
            }
            Ok(stored) => {
                count(&self.counters.refused);
                Kept::in_memory(fetched, ttl, stored == Stored::LeftToAnother)
            }
            Err(cause) => {
                self.redis_failed("stored", &cause);
                Kept::in_memory(fetched, ttl, true)
            }
        }
    }

    fn keep_in_memory(&self, fetched: Fetched<V>) -> Kept<V> {
        match self.settings.ttl_of(&fetched) {
            Some(ttl) => Kept::in_memory(fetched, ttl, true),
            None => Kept::nowhere(fetched),
        }
    }

    /// Stores bytes in Redis, if nothing has happened since the token was taken that forbids it.
    async fn store(
        &self,
        key: &str,
        names: &EntryKeys,
        bytes: &[u8],
        ttl: Duration,
        mut ticket: Option<Ticket>,
    ) -> Result<Stored, Cause> {
        let Some(token) = ticket.as_mut().and_then(Ticket::take) else {
            return self.store_without_token(names, bytes, ttl).await;
        };
        let filled = self.ask(self.kv.fill(&token, bytes, ttl)).await?;
        let lock_ttl = self.settings.lock_ttl;
        let expired = ticket.is_some_and(|ticket| ticket.is_older_than(lock_ttl));
        match (filled, expired) {
            (Filled::Stored, _) => Ok(Stored::Yes),
            (Filled::Gone | Filled::Taken, false) => {
                debug!(cache = %self.name, key = %Quoted(key), "overtaken while it was fetched; not stored");
                Ok(Stored::Overtaken)
            }
            (Filled::Gone | Filled::Taken, true) => {
                if let Some(skipped) = self.logs.lock.admit() {
                    warn!(
                        cache = %self.name, key = %Quoted(key), ?lock_ttl, skipped,
                        "a fetch took longer than its lock: `lock_ttl` should be longer"
                    );
                }
                if self.coherence.is_some() {
                    // An event may have evicted it as well.
                    return Ok(Stored::Overtaken);
                }
                self.store_without_token(names, bytes, ttl).await
            }
        }
    }

    async fn store_without_token(
        &self,
        names: &EntryKeys,
        bytes: &[u8],
        ttl: Duration,
    ) -> Result<Stored, Cause> {
        if self.coherence.is_some() {
            return Ok(Stored::LeftToAnother);
        }
        self.ask(self.put(names, bytes, ttl)).await?;
        Ok(Stored::Yes)
    }

    /// Stores without a token: for caches that no event evicts from.
    pub(super) async fn put(
        &self,
        names: &EntryKeys,
        bytes: &[u8],
        ttl: Duration,
    ) -> Result<(), Cause> {
        if self.locks() || self.settings.refresh_ahead.is_some() {
            self.kv.put(names, bytes, ttl).await
        } else {
            // There are no tokens.
            self.kv.set(&names.value, bytes, ttl).await
        }
    }
}
