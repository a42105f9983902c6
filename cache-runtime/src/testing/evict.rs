//! What an `evict` function returns, to be asserted on without a bus.

use std::fmt;

use crate::cache::evict::Evict;

/// With the feature `testing`.
///
/// # Examples
///
/// ```
/// use cache_runtime::Evict;
///
/// # enum UserEvent { User { user_id: u64 }, Guild { guild_id: u64 }, All }
/// fn evict(event: &UserEvent) -> Evict<String> {
///     match event {
///         UserEvent::User { user_id } => Evict::key(format!("user:{user_id}")),
///         UserEvent::Guild { guild_id } => Evict::prefix(format!("{guild_id}:")),
///         UserEvent::All => Evict::All,
///     }
/// }
///
/// // In a unit test: neither a bus nor a cache is needed.
/// let event = UserEvent::User { user_id: 7 };
/// assert_eq!(evict(&event), Evict::key("user:7"));
///
/// let evict_guild = evict(&UserEvent::Guild { guild_id: 1 });
/// assert!(evict_guild.evicts(&"1:ada".to_owned()));
/// assert!(!evict_guild.evicts(&"11:ada".to_owned()));
///
/// assert!(evict(&UserEvent::All).is_all());
/// ```
impl<K> Evict<K> {
    /// Whether the entry of this key is evicted. It calls the predicate, if there is one.
    ///
    /// # Panics
    ///
    /// If that depends on the value or the tags of the entry: compare the tags, with `assert_eq!`.
    #[must_use]
    pub fn evicts(&self, key: &K) -> bool
    where
        K: PartialEq + fmt::Debug,
    {
        match self {
            Self::Key(evicted) => evicted == key,
            Self::Keys(evicted) => evicted.contains(key),
            Self::Matching(matches) => matches(key),
            Self::All => true,
            Self::Nothing => false,
            Self::MatchingEntry(_) | Self::Tags(_) => {
                panic!("whether it evicts an entry depends on more than the key: {self:?}")
            }
        }
    }

    /// Whether every entry is evicted whatever its key: only of [`All`](Self::All), not of a predicate that
    /// accepts every key.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Whether no entry is evicted whatever its key: of [`Nothing`](Self::Nothing), and of no keys or tags,
    /// but not of a predicate that accepts no key.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Tags(tags) => tags.is_empty(),
            other => other.named().is_some_and(<[K]>::is_empty),
        }
    }

    /// The keys that are named; `None` if it does not name keys.
    fn named(&self) -> Option<&[K]> {
        match self {
            Self::Key(key) => Some(std::slice::from_ref(key)),
            Self::Keys(keys) => Some(keys),
            Self::Nothing => Some(&[]),
            _ => None,
        }
    }
}

/// With the feature `testing`: whether both evict the same keys, or entries with the same tags, in any order
/// and however often they are named. A predicate is equal to nothing, not even to itself: ask [`evicts`](Evict::evicts) instead.
impl<K: PartialEq> PartialEq for Evict<K> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) => true,
            (Self::Tags(tags), Self::Tags(others)) => is_same_set(tags, others),
            _ if self.is_nothing() && other.is_nothing() => true,
            _ => match (self.named(), other.named()) {
                (Some(keys), Some(others)) => is_same_set(keys, others),
                _ => false,
            },
        }
    }
}

fn is_same_set<T: PartialEq>(items: &[T], others: &[T]) -> bool {
    items.iter().all(|item| others.contains(item)) && others.iter().all(|item| items.contains(item))
}
