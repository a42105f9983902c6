//! The cache for what must not be stale: events evict from it, and without proof that they arrive
//! it serves nothing.

mod builder;
mod evict;
mod policy;
pub(super) mod proof;
mod shared;
mod token;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::evict::Evict;
use super::memory::{CacheStats, Handle, spawn_load};
use crate::cache::key::{LoadKey, LookupKey};
use crate::counters::Cause;
use crate::health::Health;
pub use builder::{Builder, HasEvents, NoEvents, WithEvents};
pub use policy::WhileDown;
use shared::Shared;
pub use token::LoadToken;

/// A bounded cache in memory that the events of other instances evict from.
///
/// For values that must not be stale: permissions, activations, configuration. Clones are the same
/// cache.
///
/// # What is promised
///
/// - **No stale load is stored.** A value is never stored if its load began before an event that
///   evicts it. It is not given to a caller that came after the event either. There is no `insert`:
///   values come from [`get_or_load`](Self::get_or_load), or from a [token](Self::begin_load) taken
///   before the load.
/// - **One load per key.** Of the callers that find no entry, one loads, and the others wait for its
///   value or its error. If it panics or is dropped, the next loads. A load that takes longer than
///   [`load_wait`](Builder::load_wait) holds up nobody any longer.
/// - **No serving without proof.** While events are not [proven](crate::bus::Health::Live) to
///   arrive, reads load, and store nothing; [`WhileDown`] has other policies. Every read checks the
///   proof, on a clock that goes on while the process is stopped. After any loss the cache is
///   empty.
/// - **An instance reads its own writes.** An event that it publishes evicts here before it is
///   sent, even when the server is away.
/// - **Caches may load from each other.** A loader may read another cache that the same channel
///   evicts from, here or in Redis, whichever is built first: while the caches are told of an
///   event, loads that begin are not stored. A cache that other channels or none evict from may
///   hand on a value that is as old as that cache allows.
///
/// Every entry has a TTL, counted from the beginning of its load. It bounds staleness that no event
/// ends, such as that of a change whose publisher crashed before it published.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
///
/// #[derive(InvalidationEvent)]
/// enum UserEvent {
///     User { user_id: String },
///     All,
/// }
///
/// #[cache_invalidation(channel = "cache:coherent-example", event = UserEvent)]
/// struct Users;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = Bus::in_process();
/// let users = Users::new(&bus);
/// let names = CoherentCache::<String, String>::builder("user-names", Duration::from_secs(30))
///     .max_entries(10_000)
///     .evict_on(&users, |event| match event {
///         UserEvent::User { user_id } => Evict::key(user_id),
///         UserEvent::All => Evict::All,
///     })
///     .build()?;
/// bus.ready().await?;
///
/// let name = names.get_or_load("7", || async { "Ada".to_owned() }).await;
/// assert_eq!(names.get("7"), Some(name));
///
/// // The database is changed, and then:
/// users.invalidate_user("7").await?;
/// assert_eq!(names.get("7"), None);
/// # Ok(())
/// # }
/// ```
pub struct CoherentCache<K: Hash + Eq, V: Clone> {
    shared: Arc<Shared<K, V>>,
    /// Ends the tasks and the subscriptions with the last clone.
    handle: Arc<Handle<Shared<K, V>>>,
}

impl<K, V> CoherentCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The entry, if there is one that has not expired and the cache may be [read](Self::health)
    /// now.
    #[inline]
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: LookupKey<K> + ?Sized,
    {
        let shared = &*self.shared;
        shared.engine.get_if(key, |now| shared.serves(now))
    }

    /// The entry, or else what `loader` loads.
    ///
    /// Of several callers of one key at the same time, one loads and the others wait for its value.
    /// While the cache may not be read, the value is loaded and not stored, and callers share only a
    /// load that begins after they have come. They wait for the one before, so a read may take two
    /// loads.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind: if it was loading, the next caller loads.
    pub async fn get_or_load<Q, L, F>(&self, key: &Q, loader: L) -> V
    where
        Q: LoadKey<K> + ?Sized,
        L: FnOnce() -> F,
        F: Future<Output = V>, // a loader that can fail: `try_get_or_load`
    {
        let loader = || async { Ok::<_, Infallible>(loader().await) };
        match self.try_get_or_load(key, loader).await {
            Ok(value) => value,
            Err(never) => match *never {},
        }
    }

    /// Like [`get_or_load`](Self::get_or_load), with a loader that may fail.
    ///
    /// After a failure nothing is stored. The callers that have waited for the load receive its error,
    /// too, and the next caller loads. So the error is shared: `?` turns it into a boxed error as it
    /// does with `E`.
    ///
    /// # Errors
    ///
    /// When the loader fails, unless [`stale_on_error`](Builder::stale_on_error) allows the expired
    /// entry.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn try_get_or_load<Q, L, F, E>(&self, key: &Q, loader: L) -> Result<V, Arc<E>>
    where
        Q: LoadKey<K> + ?Sized,
        L: FnOnce() -> F,
        F: Future<Output = Result<V, E>>, // a loader that cannot fail: `get_or_load`
        E: Send + Sync + 'static,
    {
        let shared = &*self.shared;
        match self.get(key) {
            Some(value) => Ok(value),
            None => shared.engine.load(key, || shared.is_open(), loader).await,
        }
    }

    /// Like [`get_or_load`](Self::get_or_load), with a load that goes on if its caller does not wait
    /// for it.
    ///
    /// On a miss the loader runs in a task of the current Tokio runtime, and outside of a runtime on
    /// the thread that does the I/O of all buses. There is one load per key all the same, and all that
    /// limits or overtakes loads applies to it. With [`stale_after`](Builder::stale_after), the caller,
    /// like those who wait for it, receives the old entry, and the value is stored later. So a slow
    /// source delays nobody for whom there is an old entry.
    ///
    /// A load that still runs after the last handle is gone keeps the memory of the cache, but not its
    /// subscriptions. Set a [`load_timeout`](Builder::load_timeout) if it may hang.
    ///
    /// # Panics
    ///
    /// If the loader does. Also if the runtime ends while the caller waits, or if there is none, and the
    /// thread for I/O could not be started.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for another caller, it leaves nothing behind. Once its own load has its
    /// task, that goes on, and the value is stored; a panic of the loader is contained then.
    pub async fn get_or_spawn_load<Q, L, F>(&self, key: &Q, loader: L) -> V
    where
        K: Clone,
        Q: LoadKey<K> + ?Sized,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = V> + Send + 'static, // a loader that can fail: `try_get_or_spawn_load`
    {
        let loader = || async { Ok::<_, Infallible>(loader().await) };
        match self.try_get_or_spawn_load(key, loader).await {
            Ok(value) => value,
            Err(never) => match *never {},
        }
    }

    /// Like [`get_or_spawn_load`](Self::get_or_spawn_load), with a loader that may fail.
    ///
    /// # Errors
    ///
    /// As [`try_get_or_load`](Self::try_get_or_load). A caller who was given the old entry does not hear
    /// of it: after the failure, the next caller loads.
    ///
    /// # Panics
    ///
    /// As [`get_or_spawn_load`](Self::get_or_spawn_load).
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_spawn_load`](Self::get_or_spawn_load).
    pub async fn try_get_or_spawn_load<Q, L, F, E>(&self, key: &Q, loader: L) -> Result<V, Arc<E>>
    where
        K: Clone,
        Q: LoadKey<K> + ?Sized,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static, // cannot fail: `get_or_spawn_load`
        E: Send + Sync + 'static,
    {
        match self.get(key) {
            Some(value) => Ok(value),
            None => spawn_load(&self.shared, key, loader).await,
        }
    }

    /// The values of several keys: their entries, or else what `loader` loads.
    ///
    /// `loader` is called once, with the keys that have no entry and that nobody loads yet, each once.
    /// It returns pairs of a key and its value. A key that it does not return has no value: it is not
    /// in the result, and nothing is stored for it. Pairs of other keys are ignored.
    ///
    /// Of several callers of one key at the same time, one loads and the others wait for its value,
    /// whether they ask for one key or for several. A caller of several loads what is free before it
    /// waits. Each key is stored unless an event evicts it meanwhile, by itself or by a tag. One call is
    /// one of [`max_concurrent_loads`](Builder::max_concurrent_loads).
    ///
    /// `loader` is called again for keys that another caller was loading, if that load gives no value in
    /// time, or one that may be too old. It is not called if nothing is missing.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind: the keys that it was loading are loaded by the next caller of
    /// each.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
    /// # #[derive(InvalidationEvent)]
    /// # enum UserEvent { User { user_id: u32 }, All }
    /// # #[cache_invalidation(channel = "cache:many-example", event = UserEvent)]
    /// # struct Users;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// # let users = Users::new(&bus);
    /// # let ttl = Duration::from_secs(30);
    /// # let names = CoherentCache::<u32, String>::builder("user-names", ttl)
    /// #     .evict_on(&users, |event| match event {
    /// #         UserEvent::User { user_id } => Evict::key(*user_id),
    /// #         UserEvent::All => Evict::All,
    /// #     })
    /// #     .build()?;
    /// # bus.ready().await?;
    /// names.get_or_load(&1, || async { "Ada".to_owned() }).await;
    ///
    /// // Such as `SELECT id, name FROM users WHERE id = ANY($1)`.
    /// let from_the_database = async |ids: Vec<u32>| {
    ///     assert_eq!(ids, [2, 3]);
    ///     [(2, "Ben".to_owned())]
    /// };
    /// let found = names.get_many_or_load(&[1, 2, 3], from_the_database).await;
    /// assert_eq!((found[&1].as_str(), found[&2].as_str()), ("Ada", "Ben"));
    /// assert_eq!(found.get(&3), None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_many_or_load<'k, Q, L, F, I>(
        &self,
        keys: impl IntoIterator<Item = &'k Q>,
        mut loader: L,
    ) -> HashMap<K, V>
    where
        K: Clone,
        Q: LoadKey<K> + ?Sized + 'k,
        L: FnMut(Vec<K>) -> F,
        F: Future<Output = I>, // a loader that can fail: `try_get_many_or_load`
        I: IntoIterator<Item = (K, V)>,
    {
        let loader = |keys| {
            let loading = loader(keys);
            async { Ok::<_, Infallible>(loading.await) }
        };
        match self.try_get_many_or_load(keys, loader).await {
            Ok(values) => values,
            Err(never) => match *never {},
        }
    }

    /// Like [`get_many_or_load`](Self::get_many_or_load), with a loader that may fail.
    ///
    /// After a failure nothing is stored. The callers that have waited for one of the keys receive the
    /// error, too, and the next caller loads.
    ///
    /// # Errors
    ///
    /// When the loader fails, or another caller's for one of the keys, unless
    /// [`stale_on_error`](Builder::stale_on_error) allows the expired entries of all these keys. What
    /// was found of other keys is in the cache, and not in the result.
    ///
    /// # Cancel safety
    ///
    /// As [`get_many_or_load`](Self::get_many_or_load).
    pub async fn try_get_many_or_load<'k, Q, L, F, I, E>(
        &self,
        keys: impl IntoIterator<Item = &'k Q>,
        loader: L,
    ) -> Result<HashMap<K, V>, Arc<E>>
    where
        K: Clone,
        Q: LoadKey<K> + ?Sized + 'k,
        L: FnMut(Vec<K>) -> F,
        F: Future<Output = Result<I, E>>, // a loader that cannot fail: `get_many_or_load`
        I: IntoIterator<Item = (K, V)>,
        E: Send + Sync + 'static,
    {
        let shared = &*self.shared;
        let get = |key: &K| self.get(key);
        let loading = (shared.engine).get_many_or_load(keys, get, || shared.is_open(), loader);
        loading.await
    }

    /// A token to store the entry with, for callers that cannot load within a closure.
    ///
    /// Take it before the load, and [`store`](LoadToken::store) the value after it. Callers of
    /// [`get_or_load`](Self::get_or_load) do not wait for a token: they load meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::cache::NotStored;
    /// # use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
    /// # #[derive(InvalidationEvent)]
    /// # enum UserEvent { User { user_id: String }, All }
    /// # #[cache_invalidation(channel = "cache:begin-load-example", event = UserEvent)]
    /// # struct Users;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// # let users = Users::new(&bus);
    /// # let ttl = Duration::from_secs(30);
    /// # let names = CoherentCache::<String, String>::builder("user-names", ttl)
    /// #     .evict_on(&users, |event| match event {
    /// #         UserEvent::User { user_id } => Evict::key(user_id),
    /// #         UserEvent::All => Evict::All,
    /// #     })
    /// #     .build()?;
    /// # bus.ready().await?;
    /// let token = names.begin_load("7");
    /// let name = "Ada".to_owned(); // from the database
    /// users.invalidate_user("7").await?; // meanwhile, it is changed
    /// assert_eq!(token.store(name), Err(NotStored::Evicted));
    /// # Ok(())
    /// # }
    /// ```
    pub fn begin_load<Q>(&self, key: &Q) -> LoadToken<'_, K, V>
    where
        Q: LoadKey<K> + ?Sized,
    {
        LoadToken::new(&self.shared, key)
    }

    /// Whether [`get`](Self::get) would find the entry; not counted as a read.
    #[must_use]
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: LookupKey<K> + ?Sized,
    {
        self.shared.is_open() && self.shared.engine.contains(key)
    }

    /// The number of entries.
    ///
    /// It includes entries that have expired and were not removed yet, and entries that may not be
    /// read now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.engine.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of every entry that has not expired, in no order.
    ///
    /// It is for inspection, and includes entries that may not be read now.
    #[must_use]
    pub fn entries(&self) -> Vec<(K, V)>
    where
        K: Clone,
    {
        let mut entries = Vec::new();
        let add = |key: &K, value: &V| entries.push((key.clone(), value.clone()));
        self.shared.engine.for_each(add);
        entries
    }

    /// Evicts as an event does.
    pub(crate) fn evict(&self, evict: &Evict<K>) {
        self.shared.evict(evict, Cause::Event);
    }

    /// The name given to [`builder`](Self::builder).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The health of the first channel on which events are not proven to arrive, among those that
    /// evict from the cache.
    ///
    /// It is [`Live`](Health::Live) if there is no such channel.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// What has happened in the cache.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.shared.engine.stats()
    }
}

impl<K: Hash + Eq, V: Clone> Clone for CoherentCache<K, V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            handle: Arc::clone(&self.handle),
        }
    }
}

impl<K: Hash + Eq, V: Clone> fmt::Debug for CoherentCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoherentCache")
            .field("name", &self.shared.name)
            .field("entries", &self.shared.engine.len())
            .finish_non_exhaustive()
    }
}
