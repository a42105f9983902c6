//! The error of a cooldown in Redis.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::error::sources;
use crate::health::Cause;
use crate::wire::Quoted;

/// A cooldown could not be started, read or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisCooldownError {
    cache: Arc<str>,
    doing: Doing,
    key: Box<str>,
    cause: Cause,
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Start,
    Read,
    Reset,
}

impl RedisCooldownError {
    pub(super) fn new(cache: &Arc<str>, doing: Doing, key: &str, cause: Cause) -> Self {
        Self {
            cache: Arc::clone(cache),
            doing,
            key: key.into(),
            cause,
        }
    }

    /// The name of the cooldown.
    #[must_use]
    pub fn cache(&self) -> &str {
        &self.cache
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Why Redis did not carry out the command.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Whether Redis did not answer in time; it may have carried out the command.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.cause, Cause::Timeout(_))
    }

    /// Whether the bus was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.cause, Cause::Closed)
    }
}

impl fmt::Display for RedisCooldownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cache, key) = (&self.cache, Quoted(&self.key));
        let done = match self.doing {
            Doing::Start => "started",
            Doing::Read => "read",
            Doing::Reset => "ended",
        };
        write!(f, "cooldown `{cache}` of key {key} could not be {done}")?;
        sources(self, f)
    }
}

impl Error for RedisCooldownError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
