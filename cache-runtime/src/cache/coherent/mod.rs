//! The cache for what must not be stale: events evict from it, and what it cannot prove it does not
//! serve.

mod builder;
mod fill;
mod inner;
pub(in crate::cache) mod proof;

use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;

use equivalent::Equivalent;
use tokio::runtime;

use super::{CacheStats, Evict, Turn};
use crate::health::Health;
pub use builder::{
    Builder, HasEvents, HasTtl, NoEvents, NoTtl, WhileDisconnected, WithEvents, WithTtl,
};
pub use fill::FillToken;
use inner::Inner;

/// A bounded cache in memory that the events of other instances evict from.
///
/// For values whose staleness would be wrong: permissions, activations, configuration. Clones are
/// the same cache.
///
/// # What is promised
///
/// - **No stale fill.** A value whose load began before an event that evicts it is never stored, and
///   never given to a caller who came after the event. There is no `insert`: values come from
///   [`get_or_load`](Self::get_or_load), or from a [token](Self::reserve) taken before the load.
/// - **One load a key.** Callers who find no entry wait for the one who loads. If that one fails,
///   panics or is dropped, the next loads.
/// - **Nothing without proof.** While events are not [proven](crate::Health::Live) to arrive, reads
///   load, and store nothing; [`WhileDisconnected`] says otherwise, a cache at a time. The proof is
///   looked at at every read, on a clock that goes on while the process is stopped. After any loss
///   the cache is empty.
/// - **Your own writes.** An event that this instance publishes has evicted here before it leaves,
///   even when the server is away.
///
/// Every entry has a TTL, counted from the beginning of its load, which bounds what no event can: a
/// publisher that crashed before it published.
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
/// let names = CoherentCache::<String, String>::builder("user-names")
///     .ttl(Duration::from_secs(30))
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
    inner: Arc<Inner<K, V>>,
}

impl<K, V> CoherentCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Settings of a cache, which [`audit`](crate::audit()) and errors call by its name. It needs a
    /// TTL and at least one [`evict_on`](Builder::evict_on).
    #[track_caller]
    pub fn builder(name: impl Into<String>) -> Builder<K, V, NoTtl, NoEvents> {
        Builder::new(name.into(), Location::caller())
    }

    /// The entry, if there is one, it has not expired, and the cache may be
    /// [read](Self::health) now.
    #[inline]
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let inner = &*self.inner;
        inner.engine.get_if(key, |now| inner.serves(now))
    }

    /// The entry, or what `loader` loads: for callers of one key at the same time, one of them
    /// loads.
    ///
    /// While the cache may not be read, the value is loaded and not stored.
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
    /// Those of the loader.
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
        let inner = &*self.inner;
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let lead = match inner.engine.turn(key, || inner.storing()).await {
            Turn::Value(value) => return Ok(value),
            Turn::Lead(lead) => lead,
        };
        match loader().await {
            Ok(value) => {
                if inner.is_open() {
                    // If it may not, whoever waits has it all the same.
                    let _ = lead.finish(value.clone());
                } else {
                    lead.pass(value.clone());
                }
                Ok(value)
            }
            Err(error) => {
                drop(lead);
                inner.expired(key).ok_or(error)
            }
        }
    }

    /// A token to fill the entry with, for callers who cannot load within a closure: take it before
    /// the load, and [`fill`](FillToken::fill) it after.
    ///
    /// Nobody waits for a token: callers of [`get_or_load`](Self::get_or_load) load meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, NotStored, cache_invalidation};
    /// # #[derive(InvalidationEvent)]
    /// # enum UserEvent { User { user_id: String }, All }
    /// # #[cache_invalidation(channel = "cache:reserve-example", event = UserEvent)]
    /// # struct Users;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// # let users = Users::new(&bus);
    /// # let names = CoherentCache::<String, String>::builder("user-names")
    /// #     .ttl(Duration::from_secs(30))
    /// #     .evict_on(&users, |event| match event {
    /// #         UserEvent::User { user_id } => Evict::key(user_id),
    /// #         UserEvent::All => Evict::All,
    /// #     })
    /// #     .build()?;
    /// # bus.ready().await?;
    /// let token = names.reserve("7");
    /// let name = "Ada".to_owned(); // from the database
    /// users.invalidate_user("7").await?; // meanwhile, somebody changes it
    /// assert_eq!(token.fill(name), Err(NotStored::Evicted));
    /// # Ok(())
    /// # }
    /// ```
    pub fn reserve<Q>(&self, key: &Q) -> FillToken<'_, K, V>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        FillToken::new(&self.inner, key)
    }

    /// Whether [`get`](Self::get) would find the entry. It does not count as a read.
    #[must_use]
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.inner.is_open() && self.inner.engine.contains(key)
    }

    /// How many entries there are, those included that have expired and were not swept yet, and
    /// those that may not be read now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.engine.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of every entry that has not expired, in no order: for inspection, also of what may
    /// not be read now.
    #[must_use]
    pub fn entries(&self) -> Vec<(K, V)>
    where
        K: Clone,
    {
        let mut entries = Vec::new();
        let add = |key: &K, value: &V| entries.push((key.clone(), value.clone()));
        self.inner.engine.for_each(add);
        entries
    }

    /// As an event does.
    pub(crate) fn evict(&self, evict: &Evict<K>) {
        self.inner.evict(evict, runtime::Handle::current);
    }

    /// The name given to [`builder`](Self::builder).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether events are proven to arrive on every channel that evicts from the cache: the first
    /// one's health of which they are not.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.health()
    }

    /// What has happened in the cache.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.inner.engine.stats()
    }
}

impl<K: Hash + Eq, V: Clone> Clone for CoherentCache<K, V> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<K: Hash + Eq, V: Clone> fmt::Debug for CoherentCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoherentCache")
            .field("name", &self.inner.name)
            .field("entries", &self.inner.engine.len())
            .finish_non_exhaustive()
    }
}
