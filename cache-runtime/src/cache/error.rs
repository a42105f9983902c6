//! Why a cache cannot be built, and why a loaded value is not stored.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A cache cannot be built with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    cache: Box<str>,
    what: Box<str>,
}

impl BuildError {
    pub(crate) fn new(cache: &str, what: impl Into<String>) -> Self {
        Self {
            cache: cache.into(),
            what: what.into().into(),
        }
    }

    /// The name of the cache.
    #[must_use]
    pub fn cache(&self) -> &str {
        &self.cache
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cache `{}` cannot be built: {}", self.cache, self.what)
    }
}

impl std::error::Error for BuildError {}

/// Why a value that was loaded is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotStored {
    /// The entry was evicted after the load began, or the caches of a channel were being told of an
    /// event when it began, so the value may be the old one.
    Evicted,
    /// The load took longer than the entry may live, or the TTL of the value is zero.
    Expired,
    /// Events were not proven to arrive when the load began, or are not now.
    Bypassed,
    /// The entry weighs more than one part of the cache can hold.
    TooHeavy,
    /// It is not known which tags evict the entry, because the closure given to `tags` panicked, or a
    /// tag could not be displayed.
    Untagged,
}

impl fmt::Display for NotStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evicted => {
                "not stored: the entry was, or may have been, evicted after the load had begun"
            }
            Self::Expired => "not stored: the load took longer than the entry's TTL",
            Self::Bypassed => "not stored: events are not proven to arrive",
            Self::TooHeavy => "not stored: the entry is too heavy for the cache",
            Self::Untagged => "not stored: the tags of the entry are not known",
        })
    }
}

impl std::error::Error for NotStored {}

/// A load took longer than the `load_timeout` of its cache, and was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadTimedOut {
    cache: Arc<str>,
    limit: Duration,
}

impl LoadTimedOut {
    pub(crate) fn new(cache: &Arc<str>, limit: Duration) -> Self {
        Self {
            cache: Arc::clone(cache),
            limit,
        }
    }

    /// The name of the cache.
    #[must_use]
    pub fn cache(&self) -> &str {
        &self.cache
    }

    /// How long the load was allowed to take.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

impl fmt::Display for LoadTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache, limit } = self;
        write!(
            f,
            "a load of cache `{cache}` was given up: it took longer than {limit:?}"
        )
    }
}

impl std::error::Error for LoadTimedOut {}
