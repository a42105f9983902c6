//! What an event evicts from a cache.

use std::fmt;

use super::predicate::EntryPredicate;
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
    /// cache, while a part of the cache is locked. It must be quick and must not use the cache. From
    /// a `RedisCache` it evicts everything that is in Redis; and where a
    /// [type of keys](crate::redis::Builder::key_type) is set, everything in memory too, which is
    /// logged.
    Matching(Box<dyn Fn(&K) -> bool + Send + Sync>),
    /// Every entry whose key and value the predicate accepts, as
    /// [`matching_entry`](Self::matching_entry) makes it.
    MatchingEntry(EntryPredicate<K>),
    /// Every entry that carries one of these tags, as [`tag`](Self::tag) says.
    Tags(Vec<String>),
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

    /// Every entry whose key and value the predicate accepts.
    ///
    /// The predicate is called for every entry of the cache, while a part of the cache is locked.
    /// It must be quick and must not use the cache. No load on its way is stored, because its
    /// value cannot be asked about yet. Where entries can have
    /// [tags](crate::coherent::Builder::tags), a [`tag`](Self::tag) costs less and spares loads.
    ///
    /// `V` must be the type of the cache's values. A predicate over another type evicts everything
    /// from the cache, which is logged. From a `RedisCache` it evicts everything that is in Redis,
    /// which cannot evaluate predicates; and where a
    /// [type of keys](crate::redis::Builder::key_type) is set, everything in memory too, which is
    /// logged.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::Evict;
    ///
    /// #[derive(Clone)]
    /// struct User { guild: u64 }
    ///
    /// fn members_of(guild: u64) -> Evict<String> {
    ///     Evict::matching_entry(move |_, user: &User| user.guild == guild)
    /// }
    /// # assert!(matches!(members_of(7), Evict::MatchingEntry(_)));
    /// ```
    pub fn matching_entry<V: 'static>(
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        K: 'static,
    {
        Self::MatchingEntry(EntryPredicate::new(predicate))
    }

    /// Every entry that carries the tag, which the builder of the cache says by
    /// [`tags`](crate::coherent::Builder::tags).
    ///
    /// Tags are compared by the text that they display as: `7_u32` and `7_u64` are the same tag.
    /// It costs as much as there are such entries. A load on its way whose value turns out to carry
    /// the tag is not stored.
    ///
    /// A cache that does not say which tags its entries carry evicts everything, and logs that. The tags
    /// of a `RedisCache` are its [groups](crate::redis::Builder::group_by).
    ///
    /// # Panics
    ///
    /// If the tag cannot be displayed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
    ///
    /// #[derive(Clone)]
    /// struct User { guild: u64 }
    ///
    /// #[derive(InvalidationEvent)]
    /// enum UserEvent { User { user_id: u64 }, Guild { guild: u64 }, All }
    ///
    /// #[cache_invalidation(channel = "cache:tag-example", event = UserEvent)]
    /// struct Users;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::in_process();
    /// let service = Users::new(&bus);
    /// let users = CoherentCache::<u64, User>::builder("users", Duration::from_secs(30))
    ///     .tags(|_, user| [user.guild])
    ///     .evict_on(&service, |event| match event {
    ///         UserEvent::User { user_id } => Evict::key(*user_id),
    ///         UserEvent::Guild { guild } => Evict::tag(guild),
    ///         UserEvent::All => Evict::All,
    ///     })
    ///     .build()?;
    /// bus.ready().await?;
    ///
    /// users.get_or_load(&1, || async { User { guild: 7 } }).await;
    /// users.get_or_load(&2, || async { User { guild: 8 } }).await;
    /// service.invalidate_guild(7_u64).await?;
    /// assert!(!users.contains(&1) && users.contains(&2));
    /// # Ok(())
    /// # }
    /// ```
    pub fn tag(tag: impl fmt::Display) -> Self {
        Self::tags([tag])
    }

    /// Every entry that carries one of the tags; see [`tag`](Self::tag).
    ///
    /// # Panics
    ///
    /// If a tag cannot be displayed.
    pub fn tags<I>(tags: I) -> Self
    where
        I: IntoIterator<Item: fmt::Display>,
    {
        let tags = tags.into_iter().map(|tag| tag.to_string());
        Self::Tags(tags.collect())
    }
}

impl<K: fmt::Debug> fmt::Debug for Evict<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.debug_tuple("Key").field(key).finish(),
            Self::Keys(keys) => f.debug_tuple("Keys").field(keys).finish(),
            Self::Matching(_) => f.write_str("Matching(..)"),
            Self::MatchingEntry(_) => f.write_str("MatchingEntry(..)"),
            Self::Tags(tags) => f.debug_tuple("Tags").field(tags).finish(),
            Self::All => f.write_str("All"),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}
