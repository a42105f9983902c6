//! The cache for what is expensive to fetch: in Redis, for all instances, with an optional level in
//! memory.
//!
//! `fetching` is what users call to fetch, `inner` the cache behind it, `fetch` the way of a read
//! through it, with the `lock` in Redis, and `refresh` that of a refresh in the `background`; `coherence` subscribes it to events, whose deletions are `pending` until they
//! are done. `away` spares callers a server that does not answer.

mod audited;
mod away;
mod background;
mod builder;
mod codec;
mod coherence;
mod content_key;
mod entries;
mod entry;
mod error;
mod fetch;
mod fetching;
mod inner;
mod keys;
mod lock;
mod mode;
mod pending;
mod refresh;
mod settings;
mod stats;

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use tokio::task::AbortHandle;

use crate::bus::Bus;
use crate::health::Health;

pub use builder::{Builder, HasTtl, NoTtl, WithTtl};
pub use codec::{Codec, Json};
pub use content_key::{ContentKey, content_key};
pub use entry::Fetched;
pub use error::{FetchError, RedisCacheError};
pub use mode::{Ahead, Coherent, Mode, OnDemand, Plain, Settable};
pub use settings::{AfterLoss, RedisAway};
pub use stats::RedisCacheStats;

use inner::Inner;

/// A cache in Redis that all instances share, with an optional level in memory.
///
/// For what is expensive to fetch: a provider's list of models, a description of a picture, a
/// transcript. Clones are the same cache; instances share one by its name and their bus's namespace.
/// Values are cloned for each caller: put large ones into an [`Arc`].
///
/// # What a read does
///
/// [`get_or_fetch`](Self::get_or_fetch) looks in memory, then in Redis, and then fetches. Callers of
/// one key in one process wait for the first of them. With a [`fetch_lock`](Builder::fetch_lock), one
/// instance fetches at a time, and the others wait a while for what it stores.
///
/// | read | round trips to Redis |
/// |---|---|
/// | found in memory | 0 |
/// | found in Redis | 1 |
/// | fetched | 2: look up, store |
/// | fetched under a lock, or coherent | 3: look up, lock, store |
/// | waiting for another instance | 1 every 10 ms, then less often, down to one every 250 ms |
///
/// # Coherence
///
/// Without [`evict_on`](Builder::evict_on) an entry is as old as its TTL allows, and in the memory of
/// other instances as old as that level's TTL. With it:
///
/// - Publishing an event through a program that has built the cache deletes what it evicts: first in
///   Redis, then the event leaves. If Redis is away the event is published all the same, and
///   [`publish`](crate::service::Invalidator::publish) says which cache keeps old values. The deletion is tried
///   again for as long as the cache lives, and until it is done this instance does not read there.
/// - Whoever receives an event drops the entry from memory and deletes it in Redis too, because not
///   every publisher has: those in other languages, or without this cache, only publish.
/// - A fetch holds a token in Redis, which evicting the entry deletes and storing it needs. So a fetch
///   that was overtaken by an event stores nothing, neither in Redis nor in memory.
/// - While events are not proven to arrive, memory is not read. After a loss it is empty. Redis goes
///   on being read, unless [`after_loss`](Builder::after_loss) says otherwise.
///
/// An event costs each instance that hears it one `DEL` in the background, which reads of what it
/// evicts wait for, and its publisher one more before it leaves.
///
/// # In Redis
///
/// All keys begin with the bus's namespace, if it has one, and `name:`.
///
/// | key | holds | TTL |
/// |---|---|---|
/// | `name:v:KEY` | an entry: `+` and the value as the codec writes it, or `-` and the category; in a coherent cache with its generation and `:` in front | that of the entry |
/// | `name:t:KEY` | the token of the fetch under way | [`lock_ttl`](Builder::lock_ttl) |
/// | `name:g` | the generation of a coherent cache: without it, or under another, no entry counts | none |
///
/// Where the server's access rules forbid something, the error says what to allow.
///
/// # Examples
///
/// A list that is fetched once a day by one of the instances, and that each has at hand:
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{Bus, RedisCache};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Bus::redis("redis://127.0.0.1").connect().await? in earnest.
/// let bus = Bus::in_process();
/// let models = RedisCache::<Vec<String>>::builder(&bus, "model-list")
///     .ttl(Duration::from_secs(24 * 60 * 60))
///     .memory(Duration::from_secs(5 * 60), 10)
///     .fetch_lock(Duration::from_secs(10))
///     .build()?;
///
/// let fetch = || async { Ok::<_, std::io::Error>(vec!["gpt-4".to_owned()]) };
/// assert_eq!(models.get_or_fetch("all", fetch).await?, ["gpt-4"]);
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
/// let prompts = RedisCache::<String>::builder(&bus, "prompts")
///     .ttl(Duration::from_secs(60 * 60))
///     .memory(Duration::from_secs(60), 1_000)
///     .evict_on(&personas, |event| match event {
///         PersonaEvent::Persona { id } => Evict::key(id),
///         PersonaEvent::All => Evict::All,
///     })
///     .build()?;
/// bus.ready().await?;
///
/// let old = || async { Ok::<_, std::io::Error>("old".to_owned()) };
/// assert_eq!(prompts.get_or_fetch("7", old).await?, "old");
///
/// // The database is changed, and then:
/// personas.invalidate_persona("7").await?;
/// assert_eq!(prompts.get("7").await?, None);
/// # Ok(())
/// # }
/// ```
pub struct RedisCache<V, M = Plain> {
    handle: Arc<Handle<V>>,
    mode: PhantomData<fn() -> M>,
}

/// What clones share. Its end is that of everything in the background.
struct Handle<V> {
    inner: Arc<Inner<V>>,
    /// The task that deletes what events evict.
    worker: Option<AbortHandle>,
}

impl<V> Drop for Handle<V> {
    fn drop(&mut self) {
        // First: nobody is to ask for a deletion that is not carried out.
        self.inner.unsubscribe();
        if let Some(worker) = &self.worker {
            worker.abort();
        }
        self.inner.background.close();
    }
}

impl<V> RedisCache<V> {
    /// Settings of a cache, which is kept in Redis, and called by audits and errors, by its name. It
    /// needs a TTL. Names are of letters, digits, `-`, `_` and `.`.
    #[track_caller]
    pub fn builder(bus: &Bus, name: impl Into<String>) -> Builder<V, NoTtl> {
        Builder::new(bus, name.into(), Location::caller())
    }
}

impl<V, M> RedisCache<V, M>
where
    V: Clone + Send + Sync + 'static,
    M: Mode,
{
    /// The value of an entry, if there is one. It waits for nobody who fetches it.
    ///
    /// # Errors
    ///
    /// When it is not in memory and Redis is away, whatever
    /// [`when_redis_is_away`](Builder::when_redis_is_away) says: that there is no value is not known.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn get(&self, key: &str) -> Result<Option<V>, RedisCacheError> {
        Ok(self.lookup(key).await?.and_then(Fetched::found))
    }

    /// As [`get`](Self::get), for callers who want to know too whether it is known that there is
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn lookup(&self, key: &str) -> Result<Option<Fetched<V>>, RedisCacheError> {
        let cached = self.inner().lookup(key).await?;
        Ok(cached.map(|cached| cached.fetched))
    }

    /// Stores a value, in Redis in one command and in memory. A fetch that is under way in another
    /// instance without a [lock](Builder::fetch_lock) stores what it gets over it.
    ///
    /// # Errors
    ///
    /// When Redis is away, or the value cannot be encoded or is too large. Nothing is stored then, unless
    /// Redis has stored it and only its answer was lost.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, the value may or may not have been stored in Redis.
    pub async fn set(&self, key: &str, value: &V) -> Result<(), RedisCacheError>
    where
        M: Settable,
    {
        self.inner().set(key, value).await
    }

    /// Removes an entry from Redis and from this instance's memory. Other instances may have it in
    /// memory until that level's TTL, and one that fetches it now without a
    /// [lock](Builder::fetch_lock) stores what it gets.
    ///
    /// # Errors
    ///
    /// When Redis is away. It is gone from memory all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, the entry may or may not be gone.
    pub async fn remove(&self, key: &str) -> Result<(), RedisCacheError>
    where
        M: Settable,
    {
        self.inner().remove(key).await
    }

    /// The name given to [`builder`](Self::builder).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner().name
    }

    /// Whether events are proven to arrive on every channel that evicts from the cache: the first
    /// one's health of which they are not. [`Live`](Health::Live) where no event evicts.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner().health()
    }

    /// What has happened in the cache, on this instance.
    #[must_use]
    pub fn stats(&self) -> RedisCacheStats {
        self.inner().stats()
    }

    fn inner(&self) -> &Arc<Inner<V>> {
        &self.handle.inner
    }
}

impl<V, M> Clone for RedisCache<V, M> {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
            mode: PhantomData,
        }
    }
}

impl<V, M> fmt::Debug for RedisCache<V, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("name", &self.handle.inner.name)
            .field("ttl", &self.handle.inner.settings.ttl)
            .finish_non_exhaustive()
    }
}
