//! The error of a deduplication.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::error::sources;
use crate::health::Cause;
use crate::wire::Quoted;

/// A key could not be reserved or released, or the keys could not be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupError {
    cache: Arc<str>,
    doing: Doing,
    key: Box<str>,
    reason: Reason,
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Reserve,
    Release,
    Count,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    Redis(Cause),
    /// The key holds this instead of a reservation.
    Unreadable(Box<str>),
}

impl DedupError {
    pub(super) fn new(cache: &Arc<str>, doing: Doing, key: &str, reason: Reason) -> Self {
        Self {
            cache: Arc::clone(cache),
            doing,
            key: key.into(),
            reason,
        }
    }

    /// The name of the deduplication.
    #[must_use]
    pub fn cache(&self) -> &str {
        &self.cache
    }

    /// The key; `None` if the keys could not be counted.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        (self.doing != Doing::Count).then_some(&self.key)
    }

    /// Why Redis did not carry out the command; `None` if the key holds something other than a
    /// reservation.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.reason {
            Reason::Redis(cause) => Some(cause),
            Reason::Unreadable(_) => None,
        }
    }

    /// Whether the key holds something other than a reservation: another program uses it.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.cause().is_none()
    }

    /// Whether Redis did not answer in time; it may have carried out the command.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.cause(), Some(Cause::Timeout(_)))
    }

    /// Whether the bus was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.cause(), Some(Cause::Closed))
    }
}

impl fmt::Display for DedupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cache, key) = (&self.cache, Quoted(&self.key));
        match self.doing {
            Doing::Reserve => write!(f, "key {key} of dedup `{cache}` could not be reserved")?,
            Doing::Release => write!(f, "key {key} of dedup `{cache}` could not be released")?,
            Doing::Count => write!(f, "the keys of dedup `{cache}` could not be counted")?,
        }
        if let Reason::Unreadable(found) = &self.reason {
            write!(f, ": expected a reservation there, and found {found}")?;
        }
        sources(self, f)
    }
}

impl Error for DedupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause().map(|cause| cause as _)
    }
}
