//! Why a snapshot could not be loaded.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::error::BuildError;
use crate::error::sources;

/// What a loader may fail with.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A [`Snapshot`](crate::Snapshot) could not be loaded.
///
/// Its source is the error of the loader, or what is wrong with the settings. With `{:#}`, the
/// sources follow.
#[derive(Debug, Clone)]
pub struct LoadError {
    cache: Arc<str>,
    reason: Reason,
}

#[derive(Debug, Clone)]
pub(super) enum Reason {
    Settings(BuildError),
    Loader(Arc<dyn Error + Send + Sync>),
    Panicked,
    TimedOut(Duration),
    Ended,
}

impl LoadError {
    pub(super) fn new(cache: &Arc<str>, reason: Reason) -> Self {
        Self {
            cache: Arc::clone(cache),
            reason,
        }
    }

    /// The name of the snapshot.
    #[must_use]
    pub fn cache(&self) -> &str {
        &self.cache
    }

    /// What is wrong with the settings, if that is why.
    #[must_use]
    pub fn settings(&self) -> Option<&BuildError> {
        match &self.reason {
            Reason::Settings(error) => Some(error),
            _ => None,
        }
    }

    /// The error of the loader, if it returned one.
    #[must_use]
    pub fn loader(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.reason {
            Reason::Loader(error) => Some(&**error),
            _ => None,
        }
    }

    /// Whether the loader panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.reason, Reason::Panicked)
    }

    /// Whether the loader took longer than `load_timeout`.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.reason, Reason::TimedOut(_))
    }

    /// Whether the task that loads has ended, because its runtime has. The snapshot is not loaded
    /// any more.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.reason, Reason::Ended)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot `{}` could not be loaded: ", self.cache)?;
        match &self.reason {
            Reason::Settings(_) => f.write_str("a setting is unusable")?,
            Reason::Loader(_) => f.write_str("the loader failed")?,
            Reason::Panicked => f.write_str("the loader panicked")?,
            Reason::TimedOut(limit) => write!(
                f,
                "the loader has not ended within the `load_timeout` of {limit:?}"
            )?,
            Reason::Ended => f.write_str("there is no runtime that loads it, or it has ended")?,
        }
        sources(self, f)
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            Reason::Settings(error) => Some(error),
            Reason::Loader(error) => Some(&**error),
            Reason::Panicked | Reason::TimedOut(_) | Reason::Ended => None,
        }
    }
}
