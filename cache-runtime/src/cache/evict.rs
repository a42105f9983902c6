//! What an event evicts from a cache.

use std::fmt;

use crate::event::InvalidationEvent;

/// What an event evicts from a cache, as the closure given to `evict_on` returns it.
///
/// # Examples
///
/// ```
/// use cache_runtime::Evict;
///
/// enum UserEvent {
///     User { user_id: String },
///     Guild { guild_id: String },
///     Renamed,
///     All,
/// }
///
/// /// Entries have keys such as `guild:user`.
/// fn evict(event: &UserEvent) -> Evict<String> {
///     match event {
///         UserEvent::User { user_id } => {
///             let end = format!(":{user_id}");
///             Evict::matching(move |key: &String| key.ends_with(&end))
///         }
///         UserEvent::Guild { guild_id } => Evict::prefix(format!("{guild_id}:")),
///         UserEvent::Renamed => Evict::Nothing,
///         UserEvent::All => Evict::All,
///     }
/// }
/// # assert!(matches!(evict(&UserEvent::All), Evict::All));
/// ```
#[non_exhaustive]
#[must_use = "it evicts nothing until a cache applies it"]
pub enum Evict<K> {
    /// One entry.
    Key(K),
    /// Several entries.
    Keys(Vec<K>),
    /// Every entry whose key the predicate accepts. The predicate is called for every key of the
    /// cache, while a part of the cache is locked. It must be quick and must not use the cache.
    Matching(Box<dyn Fn(&K) -> bool + Send + Sync>),
    /// Every entry.
    All,
    /// No entry: the event does not concern this cache.
    Nothing,
}

/// What each event evicts: what `evict` returns, but everything if the event says that everything is
/// stale.
pub(super) fn evicting<E: InvalidationEvent, K>(
    evict: impl Fn(&E) -> Evict<K>,
) -> impl Fn(&E) -> Evict<K> {
    let all = E::all().variant();
    move |event| {
        if event.variant() == all {
            Evict::All
        } else {
            evict(event)
        }
    }
}

impl<K> Evict<K> {
    /// One entry.
    pub fn key(key: impl Into<K>) -> Self {
        Self::Key(key.into())
    }

    /// Several entries.
    pub fn keys<I>(keys: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<K>,
    {
        Self::Keys(keys.into_iter().map(Into::into).collect())
    }

    /// Every entry whose key begins with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> Self
    where
        K: AsRef<str>,
    {
        let prefix = prefix.into();
        Self::matching(move |key: &K| key.as_ref().starts_with(&prefix))
    }

    /// Every entry whose key the predicate accepts; see [`Matching`](Self::Matching) for what it
    /// may do.
    pub fn matching(predicate: impl Fn(&K) -> bool + Send + Sync + 'static) -> Self {
        Self::Matching(Box::new(predicate))
    }
}

impl<K: fmt::Debug> fmt::Debug for Evict<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.debug_tuple("Key").field(key).finish(),
            Self::Keys(keys) => f.debug_tuple("Keys").field(keys).finish(),
            Self::Matching(_) => f.write_str("Matching(..)"),
            Self::All => f.write_str("All"),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}
