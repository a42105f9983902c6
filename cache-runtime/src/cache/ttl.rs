//! The cache for what may be stale for a while.

use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;

use equivalent::Equivalent;

use super::settings::{common_setters, negative_setter};
use super::{BuildError, CacheStats, Capacity, Engine, Settings, Storing, Turn};
use crate::audit::{self, Audited, Described};
use crate::clock::{Clock, ManualClock};
use crate::defaults;

/// A bounded cache in memory whose entries expire.
///
/// For values that are read often and may be stale for a while, such as suggestions while somebody
/// types. It knows nothing of other instances: where staleness would be wrong, take a
/// [`CoherentCache`](crate::CoherentCache). Clones are the same cache.
///
/// The TTL counts from when an entry was inserted, or its load began, not from when it was last
/// read. What has expired is swept when something is stored. There is no task behind it; one thread
/// of the process, `cache-clock`, keeps the time for all such caches while they are read, to about
/// ten milliseconds.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::TtlCache;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cache_runtime::BuildError> {
/// let suggestions = TtlCache::<String, Vec<String>>::builder()
///     .name("autocomplete")
///     .ttl(Duration::from_secs(60))
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
    inner: Arc<Inner<K, V>>,
}

struct Inner<K: Hash + Eq, V: Clone> {
    name: Arc<str>,
    place: &'static Location<'static>,
    engine: Engine<K, V>,
}

impl<K, V> TtlCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Settings of a cache; by default a TTL of [`defaults::TTL`] and
    /// [`defaults::TTL_CACHE_ENTRIES`] entries.
    #[track_caller]
    pub fn builder() -> Builder<K, V> {
        let capacity = Capacity::Entries(defaults::TTL_CACHE_ENTRIES);
        let mut settings = Settings::new(defaults::TTL, capacity);
        settings.clock = Clock::Ticker;
        Builder {
            name: None,
            place: Location::caller(),
            settings,
            key: PhantomData,
        }
    }

    /// The entry, if there is one and it has not expired.
    #[inline]
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.inner.engine.get(key)
    }

    /// Stores a value, in place of the one there is. A value heavier than a part of the cache can
    /// hold is dropped instead.
    pub fn insert(&self, key: K, value: V) {
        // The only reason against it is the one above.
        let _ = self.inner.engine.insert(key, value);
    }

    /// Removes an entry; returns its value, unless it had expired.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.inner.engine.remove(key)
    }

    /// Removes every entry, and frees their memory.
    pub fn clear(&self) {
        self.inner.engine.clear();
    }

    /// Removes every entry whose key begins with `prefix`; returns how many there were.
    #[expect(clippy::must_use_candidate, reason = "mostly nobody wants to know")]
    pub fn remove_prefix(&self, prefix: &str) -> usize
    where
        K: AsRef<str>,
    {
        self.retain(|key, _| !key.as_ref().starts_with(prefix))
    }

    /// Keeps only the entries that `keep` accepts; returns how many went. It is called while a part
    /// of the cache is locked, and must not use the cache. What is being loaded meanwhile is not
    /// stored.
    pub fn retain(&self, keep: impl Fn(&K, &V) -> bool) -> usize {
        let stale = |key: &K, value: Option<&V>| value.is_none_or(|value| !keep(key, value));
        self.inner.engine.remove_matching(stale)
    }

    /// The entry, or what `loader` loads: for callers of one key at the same time, one of them
    /// loads. What is removed or inserted meanwhile counts: the load is then not stored.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind: if it was loading, the next who waits loads.
    pub async fn get_or_load<Q, L, F>(&self, key: &Q, loader: L) -> V
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
        L: FnOnce() -> F,
        F: Future<Output = V>,
    {
        let loader = || async { Ok::<_, Infallible>(loader().await) };
        let Ok(value) = self.try_get_or_load(key, loader).await;
        value
    }

    /// As [`get_or_load`](Self::get_or_load), with a loader that may fail. Nothing is stored then,
    /// and the next who waits loads.
    ///
    /// # Errors
    ///
    /// Those of the loader, unless [`stale_on_error`](Builder::stale_on_error) allows the value that
    /// has expired.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn try_get_or_load<Q, L, F, E>(&self, key: &Q, loader: L) -> Result<V, E>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
        L: FnOnce() -> F,
        F: Future<Output = Result<V, E>>,
    {
        let engine = &self.inner.engine;
        if let Some(value) = engine.get(key) {
            return Ok(value);
        }
        let lead = match engine.turn(key, || Storing::Yes).await {
            Turn::Value(value) => return Ok(value),
            Turn::Lead(lead) => lead,
        };
        match loader().await {
            Ok(value) => {
                // If it may not be stored, whoever waits has it all the same.
                let _ = lead.finish(value.clone());
                Ok(value)
            }
            Err(error) => {
                drop(lead);
                engine.get_expired(key).ok_or(error)
            }
        }
    }

    /// Whether [`get`](Self::get) would find the entry. It does not count as a read.
    #[must_use]
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.inner.engine.contains(key)
    }

    /// The keys of all entries that have not expired, in no order.
    #[must_use]
    pub fn keys(&self) -> Vec<K>
    where
        K: Clone,
    {
        let mut keys = Vec::new();
        self.inner.engine.for_each(|key, _| keys.push(key.clone()));
        keys
    }

    /// How many entries there are, those included that have expired and were not swept yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.engine.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name; without one, the place where the cache was built.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// What has happened in the cache.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.inner.engine.stats()
    }
}

/// A cache with the [defaults].
impl<K, V> Default for TtlCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    #[track_caller]
    fn default() -> Self {
        Self::builder().build().expect("the defaults are usable")
    }
}

impl<K: Hash + Eq, V: Clone> Clone for TtlCache<K, V> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<K: Hash + Eq, V: Clone> fmt::Debug for TtlCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TtlCache")
            .field("name", &self.inner.name)
            .field("entries", &self.inner.engine.len())
            .finish_non_exhaustive()
    }
}

/// Settings of a [`TtlCache`].
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<K, V> {
    name: Option<String>,
    place: &'static Location<'static>,
    settings: Settings<V>,
    key: PhantomData<fn(K)>,
}

impl<K, V> Builder<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The name under which [`audit`](crate::audit()) lists the cache. Other instances that use the
    /// same name are found by it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The longest that an entry lives; [`defaults::TTL`] by default.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// Returns an entry that has expired no longer than `age` ago where its loader fails. Off by
    /// default.
    pub fn stale_on_error(mut self, age: Duration) -> Self {
        self.settings.stale_on_error = age;
        self
    }

    common_setters!();

    /// The cache.
    ///
    /// # Errors
    ///
    /// When a setting is unusable; the error names the cache and the setting.
    pub fn build(self) -> Result<TtlCache<K, V>, BuildError> {
        let place = || format!("{}:{}", self.place.file(), self.place.line());
        let name = self.name.unwrap_or_else(place);
        self.settings.check(&name)?;
        let inner = Arc::new(Inner {
            name: name.into(),
            place: self.place,
            engine: Engine::new(self.settings),
        });
        audit::enroll(Arc::downgrade(&inner) as Weak<dyn Audited>);
        Ok(TtlCache { inner })
    }
}

impl<K, V> Audited for Inner<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn describe(&self) -> Described {
        self.engine.describe(&self.name, self.place)
    }
}

impl<K, T> Builder<K, Option<T>>
where
    K: Hash + Eq + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    negative_setter!();
}

impl<K, V> fmt::Debug for Builder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("ttl", &self.settings.ttl)
            .finish_non_exhaustive()
    }
}
