//! The cache for what is expensive to load: in Redis, for all instances, with an optional level in
//! memory.
//!
//! `load` reads and loads, with the `load_lock` in Redis. Of many keys, `get_many` has the methods,
//! `load_many` reads and loads, and `keep_many` stores. `refresh` loads ahead of expiry, in the
//! `background`; `refreshing` has the settings. `direct` reads and stores without a load. `evict` says
//! what an event does, and `deletions` carries it out in Redis. All of them work on what the clones of
//! a cache have `shared`, where a key is its text: the type of keys ends at the methods of `RedisCache`
//! (`redis_key`; `key_type` sets it). The `breaker` fails commands at once while the server does not
//! answer.

mod audited;
mod background;
mod batch;
mod breaker;
mod builder;
mod codec;
mod content_key;
mod deletions;
mod digest;
mod direct;
mod entry;
mod error;
mod evict;
mod get_many;
mod handle;
mod keep_many;
mod key_type;
mod keys;
mod load;
mod load_ahead;
mod load_lock;
mod load_many;
#[cfg(any(feature = "metrics", feature = "otel"))]
mod measured;
mod mode;
mod options;
mod policy;
mod redis_key;
mod refresh;
mod refreshing;
mod schedule;
mod scheduled_refresh;
mod shared;
mod stats;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::health::Health;

pub use builder::Builder;
pub use codec::{Codec, Json};
pub use content_key::{ContentKey, content_key};
pub use entry::Loaded;
pub use error::{LoadError, RedisCacheError};
pub use mode::{Coherent, Plain, Writable};
pub use policy::{OnFlush, WhileDown};
pub use redis_key::{KeyOf, RedisKey};
pub use stats::RedisCacheStats;

use handle::Handle;
use redis_key::Texts;
use shared::Shared;

/// A cache in Redis that all instances share, with an optional level in memory.
///
/// For what is expensive to load: a provider's list of models, a description of a picture, a
/// transcript. Clones are the same cache. Instances share a cache by its name and by the namespace
/// of their bus. Values are cloned for each caller: put large ones into an [`Arc`]. Keys are `str`,
/// or of the type `K` that [`key_type`](Builder::key_type) sets.
///
/// # What a read does
///
/// [`get_or_load`](Self::get_or_load) looks in memory, then in Redis, and then calls the loader.
/// Per key, one caller in a process does this, and the others await its result. With a
/// [`load_lock`](Builder::load_lock), one instance at a time loads, and the others wait a while for
/// what it stores.
///
/// | read | round trips to Redis |
/// |---|---|
/// | found in memory | 0 |
/// | found in Redis | 1 |
/// | loaded | 2: look up, store |
/// | loaded under a lock, or coherent | 3: look up, lock, store |
/// | waiting for another instance | 1 every 10 ms, then less often, down to one every 250 ms |
///
/// [`get_many_or_load`](Self::get_many_or_load) makes as many for several keys as for one.
///
/// # Coherence
///
/// Without [`evict_on`](Builder::evict_on) an entry is as old as its TTL allows. In the memory of
/// other instances it is as old as that level's TTL allows. With it:
///
/// - A program that has built the cache deletes in Redis what its event evicts, and then sends the
///   event. If Redis is away the event is published all the same, and
///   [`publish`](crate::service::Invalidator::publish) returns an error that names the cache. The
///   deletion is tried again for as long as the cache lives. Until it is done, this instance does
///   not read the entry in Redis.
/// - An instance that receives an event drops the entry from memory and deletes it in Redis too.
///   Not every publisher has deleted it: programs in other languages, or without this cache, only
///   publish.
/// - A load holds a token in Redis. An eviction of the entry deletes the token, and without it
///   nothing is stored. So a load that was overtaken by an event stores nothing, neither in Redis
///   nor in memory.
/// - While events are not proven to arrive, memory is not read, and afterwards it is empty. Redis
///   is still read, unless [`on_flush`](Builder::on_flush) says otherwise.
///
/// An event costs its publisher one `DEL`, in the round trip that sends the event, and each other
/// instance that receives it one `DEL` in the background. Reads of the evicted entries wait for it.
///
/// # In Redis
///
/// All keys begin with the namespace of the bus, if it has one. A cache that no event evicts from
/// stores each value as its codec writes it, and nothing else, so that programs in other languages
/// can read and write the same keys. [`key_by`](Builder::key_by) names the keys as they do.
///
/// | key | holds | TTL |
/// |---|---|---|
/// | `name:KEY` | the value | that of the entry |
/// | `cache-runtime:absent:{name:KEY}` | the category, where it is known that there is no value; it counts while there is none | [`negative_ttl`](Builder::negative_ttl) |
/// | `cache-runtime:lock:{name:KEY}` | the token of the load under way | [`lock_ttl`](Builder::lock_ttl) |
///
/// The part in braces is what a cluster hashes, so the three are in one slot. It is the key with its
/// namespace; or, of a key with a part in braces of its own, that part, with the key after it.
///
/// Only instances of a coherent cache can read its keys:
///
/// | key | holds | TTL |
/// |---|---|---|
/// | `cache-runtime:coherent:{name}:v:KEY` | an entry | that of the entry |
/// | `cache-runtime:coherent:{name}:t:KEY` | the token of the load under way | [`lock_ttl`](Builder::lock_ttl) |
/// | `cache-runtime:coherent:{name}:g` | the generation | renewed, so that it outlives every entry and load |
/// | `cache-runtime:coherent:{name}:g:GROUP` | the generation of a group, where there are [groups](Builder::group_by) | as that of the generation |
///
/// In a cluster, `{name}` is `{name:P}` with a part `P` from 0 to 15, which the slot of the key
/// decides, or that of its group. Each part is in one slot and has a generation of its own, so that
/// several nodes share the entries.
///
/// An entry is the generation, `:+` and the value, or the generation, `:-` and the category. In a
/// group, `.` and the generation of the group follow the generation. If one of them is not the
/// current one, or is missing, the entry counts as missing.
///
/// No two caches can have one key by chance, except where one name continues another, as `a:b` does
/// after `a`, and a namespace with a name may continue another likewise. In one process such caches
/// do not [build](Builder::build) together; across processes, choose names that do not. Instances of
/// different versions may store different types under one name; values that do not decode are loaded
/// anew.
///
/// Of a value that is larger than [`max_value_bytes`](Builder::max_value_bytes), no more than the
/// start is read, and it counts as one that does not decode.
///
/// If the server's access rules forbid a command, the error says what to allow.
///
/// # Examples
///
/// A list that one of the instances loads once a day, and that each keeps in memory:
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{Bus, RedisCache};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In production: Bus::redis("redis://127.0.0.1").connect().await?
/// let bus = Bus::in_process();
/// let day = Duration::from_secs(24 * 60 * 60);
/// let models = RedisCache::<Vec<String>>::builder(&bus, "model-list", day)
///     .memory(Duration::from_secs(5 * 60), 10)
///     .load_lock(Duration::from_secs(10))
///     .build()?;
///
/// let load = || async { Ok::<_, std::io::Error>(vec!["gpt-4".to_owned()]) };
/// assert_eq!(models.try_get_or_load("all", load).await?, ["gpt-4"]);
/// assert_eq!(models.get("all").await?, Some(vec!["gpt-4".to_owned()]));
/// # Ok(())
/// # }
/// ```
///
/// Values that must not be stale:
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{Bus, Evict, InvalidationEvent, RedisCache, cache_invalidation};
///
/// #[derive(InvalidationEvent)]
/// enum PersonaEvent {
///     Persona { id: String },
///     All,
/// }
///
/// #[cache_invalidation(channel = "cache:redis-example", event = PersonaEvent)]
/// struct Personas;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = Bus::in_process();
/// let personas = Personas::new(&bus);
/// let hour = Duration::from_secs(60 * 60);
/// let prompts = RedisCache::<String>::builder(&bus, "prompts", hour)
///     .memory(Duration::from_secs(60), 1_000)
///     .evict_on(&personas, |event| match event {
///         PersonaEvent::Persona { id } => Evict::key(id),
///         PersonaEvent::All => Evict::All,
///     })
///     .build()?;
/// bus.ready().await?;
///
/// assert_eq!(prompts.get_or_load("7", || async { "old".to_owned() }).await?, "old");
///
/// // The database is changed, and then:
/// personas.invalidate_persona("7").await?;
/// assert_eq!(prompts.get("7").await?, None);
/// # Ok(())
/// # }
/// ```
pub struct RedisCache<V, M = Plain, K: ?Sized = str> {
    handle: Arc<Handle<V, K>>,
    mode: PhantomData<fn() -> M>,
}

impl<V, M, K> RedisCache<V, M, K>
where
    V: Clone + Send + Sync + 'static,
    K: RedisKey + ?Sized,
{
    /// The value of an entry, if there is one; it does not wait for a load that is under way.
    ///
    /// # Errors
    ///
    /// When the entry is not in memory and Redis is away, whatever
    /// [`while_down`](Builder::while_down) says: it is not known whether there is a value.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn get(&self, key: &K) -> Result<Option<V>, RedisCacheError> {
        Ok(self.lookup(key).await?.and_then(Loaded::present))
    }

    /// Like [`get`](Self::get), but tells an entry that is known to be [absent](Loaded::Absent)
    /// from one that is missing, for which it returns `None`.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn lookup(&self, key: &K) -> Result<Option<Loaded<V>>, RedisCacheError> {
        let text = K::Texts::text(key);
        let cached = match self.shared().in_memory(&text) {
            // Boxed, so that callers who find it in memory have no room for the rest.
            None => Box::pin(self.shared().lookup(&text)).await?,
            in_memory => in_memory,
        };
        Ok(cached.map(|cached| cached.loaded))
    }

    /// Whether [`get`](Self::get) finds a value; it counts as a read, and costs as much.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn contains(&self, key: &K) -> Result<bool, RedisCacheError> {
        Ok(self.get(key).await?.is_some())
    }

    /// The value of an entry, or what `loader` returns, which is stored.
    ///
    /// A value in Redis that does not decode is loaded anew, and overwritten. A value that is about
    /// to expire is returned at once, and refreshed by the loader given to
    /// [`refresh_ahead`](Builder::refresh_ahead), if there is one.
    ///
    /// # Errors
    ///
    /// When it is known that there is no value, from [`lookup_or_load`](Self::lookup_or_load) or a
    /// refresh. Also when Redis is away and the cache is set to [fail](WhileDown::Fail), and when the
    /// load takes longer than [`load_timeout`](Builder::load_timeout), if that is set.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it stores nothing; if it was loading, the next caller in line loads. Its lock in
    /// Redis is given back in the background. Where that is not possible, the lock ends after the
    /// [`lock_ttl`](Builder::lock_ttl), and other instances wait for it no longer than for any
    /// other lock. A refresh goes on.
    pub async fn get_or_load<L, F>(&self, key: &K, loader: L) -> Result<V, LoadError<Infallible>>
    where
        L: FnOnce() -> F,
        F: Future<Output = V>, // a loader that can fail: `try_get_or_load`
    {
        let loader = || async { Ok(Loaded::Present(loader().await)) };
        self.present(self.lookup_or_load(key, loader).await?)
    }

    /// Like [`get_or_load`](Self::get_or_load), with a loader that may fail.
    ///
    /// After a failure nothing is stored. The callers that have waited for the load receive its error,
    /// too, and the next caller loads.
    ///
    /// # Errors
    ///
    /// When the loader fails, or it is known that there is no value, as in
    /// [`get_or_load`](Self::get_or_load). Also when Redis is away and the cache is set to
    /// [fail](WhileDown::Fail), and when the load takes longer than
    /// [`load_timeout`](Builder::load_timeout), if that is set.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn try_get_or_load<L, F, E>(&self, key: &K, loader: L) -> Result<V, LoadError<E>>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<V, E>>, // a loader that cannot fail: `get_or_load`
        E: Send + Sync + 'static,
    {
        let loader = || async { loader().await.map(Loaded::Present) };
        self.present(self.lookup_or_load(key, loader).await?)
    }

    /// Like [`try_get_or_load`](Self::try_get_or_load), with a loader that may find that there is
    /// no value.
    ///
    /// That is stored as well, for the [TTL of its category](Builder::negative_ttl).
    ///
    /// # Errors
    ///
    /// When the loader fails, when Redis is away and the cache is set to [fail](WhileDown::Fail), or
    /// when the load takes longer than [`load_timeout`](Builder::load_timeout), if that is set.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_load`](Self::get_or_load).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::redis::Loaded;
    /// use cache_runtime::{Bus, RedisCache};
    ///
    /// /// What a picture shows, if it can be fetched.
    /// async fn describe(url: &str) -> Result<Loaded<String>, std::io::Error> {
    ///     Ok(if url.ends_with(".png") {
    ///         Loaded::Present("a cat".to_owned())
    ///     } else {
    ///         Loaded::absent("gone")
    ///     })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// let hour = Duration::from_secs(60 * 60);
    /// let descriptions = RedisCache::<String>::builder(&bus, "descriptions", hour)
    ///     .negative_ttl("gone", Duration::from_secs(10 * 60))
    ///     .negative_ttl("overloaded", Duration::from_secs(30))
    ///     .build()?;
    ///
    /// let url = "https://example.org/picture";
    /// let described = descriptions.lookup_or_load(url, || describe(url)).await?;
    /// assert_eq!(described, Loaded::absent("gone"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn lookup_or_load<L, F, E>(
        &self,
        key: &K,
        loader: L,
    ) -> Result<Loaded<V>, LoadError<E>>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<Loaded<V>, E>>,
        E: Send + Sync + 'static,
    {
        let text = K::Texts::text(key);
        let mut loader = Some(loader);
        let cached = self.shared().get_or_load(&text, &mut loader).await?;
        // What this caller has just loaded is not loaded again.
        if loader.is_some() {
            let load_ahead = || self.handle.load_ahead(key);
            self.shared().refresh_if_due(&text, &cached, load_ahead);
        }
        Ok(cached.loaded)
    }

    /// Stores a value, in Redis with one round trip and in memory.
    ///
    /// A value whose TTL is zero is not stored; the entry is removed. A load that is under way in
    /// another instance without a [lock](Builder::load_lock) will overwrite the value.
    ///
    /// # Errors
    ///
    /// When Redis is away, or the value cannot be encoded or is too large. Nothing is stored then,
    /// unless Redis has stored the value and only its answer was lost.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it may or may not have stored the value in Redis.
    pub async fn insert(&self, key: &K, value: V) -> Result<(), RedisCacheError>
    where
        M: Writable,
    {
        self.shared().insert(&K::Texts::text(key), value).await
    }

    /// Removes an entry from Redis and from this instance's memory.
    ///
    /// Other instances may have it in memory until that level's TTL. One that is loading it without
    /// a [lock](Builder::load_lock) will store it.
    ///
    /// # Errors
    ///
    /// When Redis is away. The entry is gone from memory all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it may or may not have removed the entry.
    pub async fn remove(&self, key: &K) -> Result<(), RedisCacheError>
    where
        M: Writable,
    {
        self.shared().remove(&K::Texts::text(key)).await
    }

    /// The name given to [`builder`](Self::builder).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared().name
    }

    /// The health of the first channel on which events are not proven to arrive, among those that
    /// evict from the cache.
    ///
    /// It is [`Live`](Health::Live) if there is no such channel.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared().health()
    }

    /// What has happened in the cache, on this instance.
    #[must_use]
    pub fn stats(&self) -> RedisCacheStats {
        self.shared().stats()
    }

    fn present<E>(&self, loaded: Loaded<V>) -> Result<V, LoadError<E>> {
        match loaded {
            Loaded::Present(value) => Ok(value),
            Loaded::Absent { category } => Err(LoadError::Absent {
                cache: Arc::clone(&self.shared().name),
                category,
            }),
        }
    }

    fn shared(&self) -> &Arc<Shared<V>> {
        &self.handle.shared
    }
}

impl<V, M, K: ?Sized> Clone for RedisCache<V, M, K> {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
            mode: PhantomData,
        }
    }
}

impl<V, M, K: ?Sized> fmt::Debug for RedisCache<V, M, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("name", &self.handle.shared.name)
            .field("ttl", &self.handle.shared.options.ttl)
            .finish_non_exhaustive()
    }
}
