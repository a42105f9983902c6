//! The errors of a cache in Redis.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::cache::error::LoadTimedOut;
use crate::error::sources;
use crate::health::Cause;

/// An entry could not be read, stored or removed in Redis.
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

    /// Why Redis did not carry out the command; `None` if the value itself cannot be stored.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.reason {
            Reason::Redis(cause) => Some(cause),
            Reason::Encode(_) | Reason::TooLarge { .. } => None,
        }
    }

    /// Whether the value has more bytes than the cache stores.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.reason, Reason::TooLarge { .. })
    }
}

impl fmt::Display for RedisCacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache, doing, .. } = self;
        write!(f, "an entry of cache `{cache}` could not be {doing}")?;
        match &self.reason {
            Reason::Redis(_) => {}
            Reason::Encode(what) => write!(f, ": the codec refuses it: {what}")?,
            Reason::TooLarge { length, limit } => write!(
                f,
                ": it has {length} bytes, and `max_value_bytes` allows {limit}"
            )?,
        }
        sources(self, f)
    }
}

impl Error for RedisCacheError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause().map(|cause| cause as _)
    }
}

/// A read has no value to return.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The loader failed. All callers that have waited for it share its error.
    Load(Arc<E>),
    /// Redis is away, and the cache [fails](super::WhileDown::Fail) rather than load without it.
    Redis(RedisCacheError),
    /// The load took longer than [`load_timeout`](super::Builder::load_timeout), and was given up. All
    /// callers that have waited for it share the error.
    TimedOut(LoadTimedOut),
    /// It is known that there is no value.
    #[non_exhaustive]
    Absent {
        /// The name of the cache.
        cache: Arc<str>,
        /// Why there is none.
        category: Arc<str>,
    },
}

impl<E> LoadError<E> {
    /// The error of the loader, if the loader failed.
    #[must_use]
    pub fn into_load(self) -> Option<Arc<E>> {
        match self {
            Self::Load(error) => Some(error),
            Self::Redis(_) | Self::TimedOut(_) | Self::Absent { .. } => None,
        }
    }
}

impl<E> Clone for LoadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Load(error) => Self::Load(Arc::clone(error)),
            Self::Redis(error) => Self::Redis(error.clone()),
            Self::TimedOut(late) => Self::TimedOut(late.clone()),
            Self::Absent { cache, category } => Self::Absent {
                cache: Arc::clone(cache),
                category: Arc::clone(category),
            },
        }
    }
}

/// With `{:#}`, the sources follow.
impl<E: Error + 'static> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(_) => f.write_str("the loader failed")?,
            Self::TimedOut(late) => late.fmt(f)?,
            Self::Redis(_) => {
                f.write_str("Redis is away, and the cache is set not to load without it")?;
            }
            Self::Absent { cache, category } => write!(
                f,
                "cache `{cache}` knows that there is no value: {category}"
            )?,
        }
        sources(self, f)
    }
}

/// The error of the loader is the source, so it has to be an error itself. `anyhow::Error` and boxed
/// errors are none: match [`Load`](LoadError::Load) and make an error from the one behind the `Arc`.
impl<E: Error + 'static> Error for LoadError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Load(error) => Some(&**error),
            Self::Redis(error) => Some(error),
            // It says all that there is to say.
            Self::TimedOut(_) | Self::Absent { .. } => None,
        }
    }
}
