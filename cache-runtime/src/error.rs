//! The errors of the bus: connecting, becoming live, publishing.
//!
//! Each prints its cause, so that one line in a log is enough; none repeats it as a `source`.

use std::fmt;
use std::sync::Arc;

use crate::codec::EncodeError;
use crate::health::Cause;

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

/// The bus, or a channel, cannot become live as things are.
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

    /// The channel that was waited for, with its namespace; `None` where it was the whole bus.
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

/// An event was not handed to the server, or it is not known whether it was.
///
/// This instance's inline subscribers have seen the event all the same. Other instances may not
/// have, so publish it again, or rely on their TTL.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishError {
    channel: Arc<str>,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq)]
enum Reason {
    Encode(EncodeError),
    TooLarge { length: usize, limit: usize },
    Transport(Cause),
}

impl PublishError {
    pub(crate) fn encode(channel: Arc<str>, source: EncodeError) -> Self {
        Self {
            channel,
            reason: Reason::Encode(source),
        }
    }

    pub(crate) fn too_large(channel: Arc<str>, length: usize, limit: usize) -> Self {
        Self {
            channel,
            reason: Reason::TooLarge { length, limit },
        }
    }

    pub(crate) fn transport(channel: Arc<str>, cause: Cause) -> Self {
        Self {
            channel,
            reason: Reason::Transport(cause),
        }
    }

    /// The channel, with its namespace.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// What kept the event from the server; `None` where the event itself is at fault.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.reason {
            Reason::Transport(cause) => Some(cause),
            Reason::Encode(_) | Reason::TooLarge { .. } => None,
        }
    }

    /// Whether the event itself is at fault: it cannot be encoded, or is too large. Publishing it
    /// again fails again.
    #[must_use]
    pub fn is_invalid_event(&self) -> bool {
        self.cause().is_none()
    }

    /// Whether the server did not answer in time. The event may have been published.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.cause(), Some(Cause::Timeout(_)))
    }

    /// Whether the bus was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.cause(), Some(Cause::Closed))
    }

    /// Whether the server's access rules forbid it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.cause(), Some(Cause::Refused(_)))
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not publish to channel `{}`: ", self.channel)?;
        match &self.reason {
            Reason::Encode(error) => error.fmt(f),
            Reason::TooLarge { length, limit } => {
                write!(f, "payload of {length} bytes exceeds the limit of {limit}")
            }
            Reason::Transport(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for PublishError {}
