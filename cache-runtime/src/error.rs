//! Errors of connecting, becoming live and publishing.
//!
//! `{}` prints what has failed, and not the cause, which `source` returns. So a report that follows
//! the sources prints each once. `{:#}` prints the sources too, on one line.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::health::Cause;
use crate::wire::EncodeError;

/// The most caches that an error names.
const NAMED: usize = 8;

/// Ends the text of an error: `{:#}` appends its sources.
pub(crate) fn sources(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut source = error.source().filter(|_| f.alternate());
    while let Some(error) = source {
        write!(f, ": {error}")?;
        source = error.source();
    }
    Ok(())
}

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
        f.write_str("the bus could not be connected")?;
        sources(self, f)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

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
            Some(channel) => write!(f, "channel `{channel}` is not live")?,
            None => f.write_str("the bus is not live")?,
        }
        sources(self, f)
    }
}

impl Error for NotReady {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// It is not known whether every instance has applied the events that were published before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSettled {
    kind: Unsettled,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Unsettled {
    Down(Cause),
    NotLive,
    Silent(Vec<Arc<str>>),
}

impl NotSettled {
    pub(crate) fn down(cause: Cause) -> Self {
        let kind = Unsettled::Down(cause);
        Self { kind }
    }

    pub(crate) fn not_live() -> Self {
        let kind = Unsettled::NotLive;
        Self { kind }
    }

    pub(crate) fn silent_instances(instances: Vec<Arc<str>>) -> Self {
        let kind = Unsettled::Silent(instances);
        Self { kind }
    }

    /// Why the instances could not be asked; `None` if they were.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.kind {
            Unsettled::Down(cause) => Some(cause),
            Unsettled::NotLive | Unsettled::Silent(_) => None,
        }
    }

    /// Whether this instance has not been live from before the event was published until all had
    /// answered. So the event may have gone to another server: publish it again.
    #[must_use]
    pub fn is_not_live(&self) -> bool {
        self.kind == Unsettled::NotLive
    }

    /// The instances that are live, and did not answer.
    #[must_use]
    pub fn silent(&self) -> impl ExactSizeIterator<Item = &str> {
        let silent = match &self.kind {
            Unsettled::Down(_) | Unsettled::NotLive => &[][..],
            Unsettled::Silent(instances) => instances,
        };
        silent.iter().map(|name| &**name)
    }
}

impl fmt::Display for NotSettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not known whether every instance has applied the event")?;
        match &self.kind {
            Unsettled::Down(_) => {}
            Unsettled::NotLive => f.write_str(
                ": this instance was not live all the time since it published; publish it again",
            )?,
            Unsettled::Silent(instances) => {
                let named = instances.len().min(NAMED);
                let more = instances.len() - named;
                write!(f, ": no answer from {}", instances[..named].join(", "))?;
                if more > 0 {
                    write!(f, " and {more} more")?;
                }
            }
        }
        sources(self, f)
    }
}

impl Error for NotSettled {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause().map(|cause| cause as _)
    }
}

/// An event was not confirmed.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfirmError<E = PublishError> {
    /// Publishing has failed.
    Publish(E),
    /// The event was published. Whether every instance has applied it is not known.
    Settle(NotSettled),
}

impl<E: Error + 'static> fmt::Display for ConfirmError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish(_) => "not confirmed",
            Self::Settle(_) => "published, but not confirmed",
        })?;
        sources(self, f)
    }
}

impl<E: Error + 'static> Error for ConfirmError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Publish(error) => error,
            Self::Settle(error) => error,
        })
    }
}

/// What becomes of an event that the server did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The outbox sends it.
    Deferred,
    /// Its caller keeps it elsewhere, and sends it again.
    Kept,
    /// It would be sent later, but the outbox is off.
    Off,
    /// It is never sent.
    Refused,
}

/// An event was not published yet, is refused, or a cache could not evict in Redis.
///
/// This instance's inline subscribers and caches in memory have applied the event all the same. A
/// [deferred](Self::is_deferred) event will be sent, so nothing need be done. A
/// [refused](Self::is_refused) one will not: other instances serve what it evicts until their TTL
/// ends.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishError {
    channel: Arc<str>,
    /// Why the event was not published; `None` if it was.
    reason: Option<Reason>,
    /// The caches that could not evict, and why not.
    not_evicted: Box<[(Arc<str>, Cause)]>,
}

#[derive(Debug, Clone, PartialEq)]
enum Reason {
    Encode(EncodeError),
    TooLarge { length: usize, limit: usize },
    Transport(Cause, Fate),
}

impl PublishError {
    fn new(channel: Arc<str>, reason: Reason) -> Self {
        Self {
            channel,
            reason: Some(reason),
            not_evicted: Box::default(),
        }
    }

    pub(crate) fn encode(channel: Arc<str>, source: EncodeError) -> Self {
        Self::new(channel, Reason::Encode(source))
    }

    pub(crate) fn too_large(channel: Arc<str>, length: usize, limit: usize) -> Self {
        Self::new(channel, Reason::TooLarge { length, limit })
    }

    pub(crate) fn transport(channel: Arc<str>, cause: Cause, fate: Fate) -> Self {
        Self::new(channel, Reason::Transport(cause, fate))
    }

    /// At least one cache could not evict. `sent` is the error of publishing the event itself, if
    /// there was one.
    pub(crate) fn not_evicted_from(
        channel: Arc<str>,
        sent: Option<Self>,
        caches: Vec<(Arc<str>, Cause)>,
    ) -> Self {
        Self {
            channel,
            reason: sent.and_then(|error| error.reason),
            not_evicted: caches.into(),
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
            Some(Reason::Transport(cause, _)) => Some(cause),
            Some(Reason::Encode(_) | Reason::TooLarge { .. }) => None,
            None => self.not_evicted.first().map(|(_, cause)| cause),
        }
    }

    /// The caches that could not evict in Redis, each with the cause. They may keep old values there
    /// until their TTL ends.
    #[must_use]
    pub fn not_evicted(&self) -> impl ExactSizeIterator<Item = (&str, &Cause)> {
        self.not_evicted
            .iter()
            .map(|(cache, cause)| (&**cache, cause))
    }

    /// Whether the event was published all the same, and only a cache could not evict.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.reason.is_none()
    }

    /// Whether the event was not published, and the bus will send it by itself: as soon as the server
    /// takes it, or until the bus is closed.
    ///
    /// The server could not be reached, did not answer in time, or answered that it cannot serve now.
    /// If it did not answer, it may have published the event all the same. Then it does so twice.
    #[must_use]
    pub fn is_deferred(&self) -> bool {
        matches!(self.reason, Some(Reason::Transport(_, Fate::Deferred)))
    }

    /// Whether the event was not published, and will not be.
    ///
    /// It is invalid or too large; the server's access rules forbid it; two services use the channel
    /// for different events; the bus was closed; or the [outbox](crate::bus::BusBuilder::outbox) is
    /// off.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let will_be_sent = matches!(
            self.reason,
            Some(Reason::Transport(_, Fate::Deferred | Fate::Kept))
        );
        !self.is_published() && !will_be_sent
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
    pub fn is_forbidden(&self) -> bool {
        matches!(self.cause(), Some(Cause::Refused(_)))
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = &self.channel;
        match &self.reason {
            None => write!(f, "published to channel `{channel}`, but ")?,
            Some(Reason::Transport(_, Fate::Deferred)) => write!(
                f,
                "the event for channel `{channel}` is deferred and will be sent later"
            )?,
            Some(Reason::Transport(_, Fate::Kept)) => write!(
                f,
                "the event for channel `{channel}` is kept and will be tried again"
            )?,
            Some(_) => write!(
                f,
                "the event for channel `{channel}` is refused and will not be sent"
            )?,
        }
        if let Some(Reason::Transport(_, Fate::Off)) = self.reason {
            f.write_str(", because the outbox is off")?;
        }
        if let Some(Reason::TooLarge { length, limit }) = self.reason {
            write!(
                f,
                ": the payload has {length} bytes, and `max_payload` allows {limit}"
            )?;
        }
        if !self.not_evicted.is_empty() {
            let and = if self.is_published() { "" } else { ", and " };
            f.write_str(and)?;
            self.write_not_evicted(f)?;
        }
        sources(self, f)
    }
}

impl PublishError {
    /// Names the caches that could not evict, with each cause that is not the source.
    fn write_not_evicted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.not_evicted.len() == 1 {
            "cache "
        } else {
            "caches "
        })?;
        for (i, (cache, cause)) in self.not_evicted.iter().take(NAMED).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}`{cache}`")?;
            if self.cause() != Some(cause) {
                write!(f, " ({cause})")?;
            }
        }
        if let Some(more @ 1..) = self.not_evicted.len().checked_sub(NAMED) {
            write!(f, " and {more} more")?;
        }
        f.write_str(" could not evict in Redis")
    }
}

impl Error for PublishError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            Some(Reason::Encode(error)) => Some(error),
            Some(Reason::TooLarge { .. }) => None,
            Some(Reason::Transport(..)) | None => self.cause().map(|cause| cause as _),
        }
    }
}

/// At least one of several events that were published together has failed.
///
/// All of them have evicted on this instance, and all were tried.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishAllError {
    events: usize,
    /// Not empty. With the place of each event among all, from 0.
    failed: Vec<(usize, PublishError)>,
}

impl PublishAllError {
    pub(crate) fn new(events: usize, failed: Vec<(usize, PublishError)>) -> Self {
        Self { events, failed }
    }

    /// The events that failed: the place of each among all events, from 0, and its error.
    #[must_use]
    pub fn failed(&self) -> impl ExactSizeIterator<Item = (usize, &PublishError)> {
        self.failed.iter().map(|(i, error)| (*i, error))
    }

    /// Whether every event that failed is [deferred](PublishError::is_deferred).
    #[must_use]
    pub fn is_deferred(&self) -> bool {
        self.failed.iter().all(|(_, error)| error.is_deferred())
    }
}

impl fmt::Display for PublishAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, events) = (self.failed.len(), self.events);
        let first = self.failed.first().map_or(0, |(i, _)| i + 1);
        write!(
            f,
            "{failed} of {events} events failed, first number {first}"
        )?;
        sources(self, f)
    }
}

/// The source is the error of the first event that failed.
impl Error for PublishAllError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failed.first().map(|(_, error)| error as _)
    }
}
