//! The cache for what may be stale for a while.

mod builder;
mod shared;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::key::{LoadKey, LookupKey};
use super::memory::{CacheStats, Handle, spawn_load};
use crate::counters::Cause;
pub use builder::Builder;
use shared::Shared;

/// A bounded cache in memory whose entries expire.
///
/// For values that are read often and may be stale for a while, such as suggestions while a user
/// types. Other instances' changes do not reach it: where staleness causes wrong behaviour, use a
/// [`CoherentCache`](crate::CoherentCache). Clones are the same cache.
///
/// The TTL counts from when an entry was inserted, or its load began, not from its last read.
/// Expired entries are removed when something is stored. The cache has no task, except for loads [on
/// schedule](Builder::refresh_every) and [spawned](Self::get_or_spawn_load) ones. One thread of the
/// process, `cache-clock`, keeps the time for all such caches while they are read, accurate to
/// about 10 ms. After a `fork`, the child lacks that thread: if the parent has read such a cache
/// within the last second, entries never expire in the child. Fork before the first cache is used,
/// or start another program in the child.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::TtlCache;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cache_runtime::BuildError> {
/// let minute = Duration::from_secs(60);
/// let suggestions = TtlCache::<String, Vec<String>>::builder("autocomplete", minute)
///     .max_entries(500)
///     .build()?;
///
/// let found = suggestions.get_or_load("ad", || async { vec!["Ada".to_owned()] }).await;
/// assert_eq!(suggestions.get("ad"), Some(found));
///
/// suggestions.insert("be".to_owned(), vec!["Bea".to_owned(), "Ben".to_owned()]);
/// suggestions.remove_prefix("b");
/// assert_eq!(suggestions.keys(), ["ad"]);
/// # Ok(())
/// # }
/// ```
pub struct TtlCache<K: Hash + Eq, V: Clone> {
    shared: Arc<Shared<K, V>>,
    /// Ends the tasks with the last clone.
    handle: Arc<Handle<Shared<K, V>>>,
}

impl<K, V> TtlCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The entry, if there is one and it has not expired.
    #[inline]
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: LookupKey<K> + ?Sized,
    {
        self.shared.engine.get(key)
    }

    /// Stores a value, and replaces the old value if there is one.
    ///
    /// A value that is too heavy for a part of the cache, or whose TTL is zero, is dropped, and the
    /// old value with it. So is one whose [`tags`](Builder::tags) cannot be told, which is counted as
    /// [`untagged`](crate::cache::CacheStats::untagged).
    pub fn insert(&self, key: K, value: V) {
        // There are no reasons not to store it but those above.
        let _ = self.shared.engine.insert(key, value);
    }

    /// Removes an entry; returns its value, unless it had expired.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: LookupKey<K> + ?Sized,
    {
        self.shared.engine.remove(key)
    }

    /// Removes every entry, and frees their memory.
    pub fn clear(&self) {
        self.shared.engine.clear();
    }

    /// Removes every entry whose key begins with `prefix`; returns how many were removed.
    ///
    /// Loads of such keys that are on their way are not stored.
    #[expect(clippy::must_use_candidate, reason = "the number is rarely needed")]
    pub fn remove_prefix(&self, prefix: &str) -> usize
    where
        K: AsRef<str>,
    {
        let stale = |key: &K, _: Option<&V>| key.as_ref().starts_with(prefix);
        self.shared.engine.remove_matching(stale, Cause::Removed)
    }

    /// Removes every entry that carries the tag, as [`tags`](Builder::tags) says; returns how many
    /// were removed.
    ///
    /// Loads on their way whose values turn out to carry the tag are not stored. A cache that does
    /// not say which tags its entries carry removes everything, and logs that. So it does if the tag
    /// cannot be displayed.
    pub fn remove_tag(&self, tag: impl fmt::Display) -> usize {
        let engine = &self.shared.engine;
        let entries = engine.len();
        engine.remove_tag(&tag, Cause::Removed).unwrap_or_else(|| {
            engine.clear();
            entries
        })
    }

    /// Keeps only the entries that `keep` accepts; returns how many were removed.
    ///
    /// `keep` is called while a part of the cache is locked, and must not use the cache. Loads on
    /// their way, of any key, are not stored, because their values cannot be asked about yet.
    pub fn retain(&self, keep: impl Fn(&K, &V) -> bool) -> usize {
        let stale = |key: &K, value: Option<&V>| value.is_none_or(|value| !keep(key, value));
        self.shared.engine.remove_matching(stale, Cause::Removed)
    }

    /// The entry, or else what `loader` loads.
    ///
    /// Of several callers of one key at the same time, one loads and the others wait for its value.
    /// If the key is removed or inserted meanwhile, the loaded value is not stored.
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
        let engine = &self.shared.engine;
        match engine.get(key) {
            Some(value) => Ok(value),
            None => engine.load(key, || true, loader).await,
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
    /// A load that still runs after the last handle is gone keeps the memory of the cache. Set a
    /// [`load_timeout`](Builder::load_timeout) if it may hang.
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
    /// waits. Each key is stored unless it is removed or inserted meanwhile. One call is one of
    /// [`max_concurrent_loads`](Builder::max_concurrent_loads).
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
    /// # use cache_runtime::TtlCache;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cache_runtime::BuildError> {
    /// let names = TtlCache::<u32, String>::builder("names", Duration::from_secs(60)).build()?;
    /// names.insert(1, "Ada".to_owned());
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
        let engine = &self.shared.engine;
        engine
            .get_many_or_load(keys, |key| engine.get(key), || true, loader)
            .await
    }

    /// Whether [`get`](Self::get) would find the entry; not counted as a read.
    #[must_use]
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: LookupKey<K> + ?Sized,
    {
        self.shared.engine.contains(key)
    }

    /// The keys of all entries that have not expired, in no order.
    #[must_use]
    pub fn keys(&self) -> Vec<K>
    where
        K: Clone,
    {
        let mut keys = Vec::new();
        self.shared.engine.for_each(|key, _| keys.push(key.clone()));
        keys
    }

    /// The number of entries, including those that have expired and were not removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.engine.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name given to [`builder`](Self::builder).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What has happened in the cache.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.shared.engine.stats()
    }
}

impl<K: Hash + Eq, V: Clone> Clone for TtlCache<K, V> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            handle: Arc::clone(&self.handle),
        }
    }
}

impl<K: Hash + Eq, V: Clone> fmt::Debug for TtlCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TtlCache")
            .field("name", &self.shared.name)
            .field("entries", &self.shared.engine.len())
            .finish_non_exhaustive()
    }
}
