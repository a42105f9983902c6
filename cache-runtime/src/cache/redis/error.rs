//! What can go wrong with a cache in Redis.

use std::fmt;
use std::sync::Arc;

use crate::health::Cause;

/// An entry could not be read from Redis, or not be stored there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisCacheError {
    cache: Arc<str>,
    doing: &'static str,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Redis(Cause),
    Encode(Box<str>),
    TooLarge { length: usize, limit: usize },
}

impl RedisCacheError {
    /// `doing` completes "could not be".
    pub(super) fn redis(cache: &Arc<str>, doing: &'static str, cause: Cause) -> Self {
        Self::new(cache, doing, Reason::Redis(cause))
    }

    pub(super) fn encode(cache: &Arc<str>, what: String) -> Self {
        Self::new(cache, "stored", Reason::Encode(what.into()))
    }

    pub(super) fn too_large(cache: &Arc<str>, length: usize, limit: usize) -> Self {
        Self::new(cache, "stored", Reason::TooLarge { length, limit })
    }

    fn new(cache: &Arc<str>, doing: &'static str, reason: Reason) -> Self {
        Self {
            cache: Arc::clone(cache),
            doing,
            reason,
        }
    }

    /// The name of the cache.
    #[must_use]
    pub fn cache(&self) -> &str {
        &self.cache
    }

    /// What Redis, or the way there, had against it; `None` where the value itself is at fault.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.reason {
            Reason::Redis(cause) => Some(cause),
            Reason::Encode(_) | Reason::TooLarge { .. } => None,
        }
    }

    /// Whether the value has more bytes than the cache takes.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.reason, Reason::TooLarge { .. })
    }
}

impl fmt::Display for RedisCacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache, doing, .. } = self;
        write!(f, "an entry of cache `{cache}` could not be {doing}: ")?;
        match &self.reason {
            Reason::Redis(cause) => cause.fmt(f),
            Reason::Encode(what) => write!(f, "the codec refuses it: {what}"),
            Reason::TooLarge { length, limit } => {
                write!(f, "{length} bytes exceed the limit of {limit}")
            }
        }
    }
}

impl std::error::Error for RedisCacheError {}

/// There is no value to be had: the fetch failed, or was not allowed, or nothing is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError<E> {
    /// The fetch failed.
    Fetch(E),
    /// Redis is away, and the cache [fails](super::RedisAway::Fail) rather than fetch without it.
    Redis(RedisCacheError),
    /// It is known that there is no value.
    Absent {
        /// The name of the cache.
        cache: Arc<str>,
        /// Why there is none.
        category: Arc<str>,
    },
}

impl<E> FetchError<E> {
    /// The error of the fetch, if that is what it is.
    #[must_use]
    pub fn into_fetch(self) -> Option<E> {
        match self {
            Self::Fetch(error) => Some(error),
            Self::Redis(_) | Self::Absent { .. } => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for FetchError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Redis(error) => error.fmt(f),
            Self::Absent { cache, category } => {
                write!(
                    f,
                    "cache `{cache}` knows that there is no value: {category}"
                )
            }
        }
    }
}

/// Whatever the fetch's error is, a boxed one too. It is printed, so it is not the source; what it has
/// as its own source is found by matching [`Fetch`](FetchError::Fetch).
impl<E: fmt::Debug + fmt::Display> std::error::Error for FetchError<E> {}
