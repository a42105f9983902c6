//! Errors of connecting, becoming live and publishing.
//!
//! Each error prints its cause, so that one log line is enough, and has no `source` that repeats
//! it.

use std::fmt;
use std::sync::Arc;

use crate::health::Cause;
use crate::wire::EncodeError;

/// A bus could not be built or connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectError {
    pub(crate) cause: Cause,
}

impl ConnectError {
    /// What stands in the way.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bus could not be connected: {}", self.cause)
    }
}

impl std::error::Error for ConnectError {}

/// The bus or a channel did not become live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReady {
    pub(crate) channel: Option<Arc<str>>,
    pub(crate) cause: Cause,
}

impl NotReady {
    /// What stands in the way.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The channel that was waited for, with its namespace; `None` if the wait was for the whole
    /// bus.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.channel {
            Some(channel) => write!(f, "channel `{channel}` is not live: {}", self.cause),
            None => write!(f, "the bus is not live: {}", self.cause),
        }
    }
}

impl std::error::Error for NotReady {}

/// An event may not have been published, or a cache could not evict in Redis.
///
/// This instance's inline subscribers and caches in memory have applied the event all the same.
/// Other instances may not have: publish the event again, or rely on their TTL.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishError {
    channel: Arc<str>,
    /// Why the event was not published; `None` if it was.
    reason: Option<Reason>,
    /// A cache that could not evict, and why not.
    not_evicted: Option<Box<(Arc<str>, Cause)>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Reason {
    Encode(EncodeError),
    TooLarge { length: usize, limit: usize },
    Transport(Cause),
}

impl PublishError {
    fn new(channel: Arc<str>, reason: Reason) -> Self {
        Self {
            channel,
            reason: Some(reason),
            not_evicted: None,
        }
    }

    pub(crate) fn encode(channel: Arc<str>, source: EncodeError) -> Self {
        Self::new(channel, Reason::Encode(source))
    }

    pub(crate) fn too_large(channel: Arc<str>, length: usize, limit: usize) -> Self {
        Self::new(channel, Reason::TooLarge { length, limit })
    }

    pub(crate) fn transport(channel: Arc<str>, cause: Cause) -> Self {
        Self::new(channel, Reason::Transport(cause))
    }

    /// A cache could not evict. `sent` is the error of publishing the event itself, if there was
    /// one.
    pub(crate) fn not_evicted(
        channel: Arc<str>,
        sent: Option<Self>,
        cache: Arc<str>,
        cause: Cause,
    ) -> Self {
        Self {
            channel,
            reason: sent.and_then(|error| error.reason),
            not_evicted: Some(Box::new((cache, cause))),
        }
    }

    /// The channel, with its namespace.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Why the event did not reach the server, or if it did, why a cache could not evict.
    ///
    /// `None` if the event itself is invalid, see [`is_invalid_event`](Self::is_invalid_event).
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.reason {
            Some(Reason::Transport(cause)) => Some(cause),
            Some(Reason::Encode(_) | Reason::TooLarge { .. }) => None,
            None => self.not_evicted.as_ref().map(|cache| &cache.1),
        }
    }

    /// The cache that could not evict in Redis. It may keep old values there until their TTL ends.
    #[must_use]
    pub fn not_evicted_cache(&self) -> Option<&str> {
        self.not_evicted.as_ref().map(|cache| &*cache.0)
    }

    /// Whether the event was published all the same, and only a cache could not evict.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.reason.is_none()
    }

    /// Whether the event cannot be encoded, or is too large. Publishing it again fails again.
    #[must_use]
    pub fn is_invalid_event(&self) -> bool {
        self.cause().is_none()
    }

    /// Whether the server did not answer in time. The event may have been published all the same.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.cause(), Some(Cause::Timeout(_)))
    }

    /// Whether the bus was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.cause(), Some(Cause::Closed))
    }

    /// Whether the server's access rules forbid the command.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.cause(), Some(Cause::Refused(_)))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::TooLarge { length, limit } => {
                write!(f, "payload of {length} bytes exceeds the limit of {limit}")
            }
            Self::Transport(cause) => cause.fmt(f),
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = &self.channel;
        match (&self.reason, self.not_evicted.as_deref()) {
            (Some(reason), None) => write!(f, "could not publish to channel `{channel}`: {reason}"),
            (Some(reason), Some((cache, cause))) => write!(
                f,
                "could not publish to channel `{channel}`: {reason}; nor could cache `{cache}` \
                 evict in Redis: {cause}"
            ),
            (None, Some((cache, cause))) => write!(
                f,
                "published to channel `{channel}`, but cache `{cache}` could not evict in Redis: \
                 {cause}"
            ),
            // No constructor makes this.
            (None, None) => write!(f, "published to channel `{channel}`"),
        }
    }
}

impl std::error::Error for PublishError {}
