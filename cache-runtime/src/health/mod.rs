//! Whether events are proven to arrive, and why not.

mod combined;
mod lease;
mod reported;

use std::fmt;
use std::sync::Arc;

pub(crate) use combined::Combined;
pub(crate) use lease::{Lease, ProvenUntil};
pub(crate) use reported::Reported;

/// Whether the events of a channel, or of all channels of a bus, are proven to arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Nothing is subscribed, so nothing can be lost. A program that only publishes stays idle;
    /// [`Bus::check`](crate::Bus::check) tells whether it can.
    Idle,
    /// Something is subscribed, and events are not proven to arrive yet.
    Connecting,
    /// Something is subscribed, and a canary sent after the subscription has come back within the
    /// lease. Since it was sent, the server has answered on both connections that it is a primary.
    Live,
    /// As `Live`, of a bus in a Redis Cluster with broadcast pub/sub (`PubSub::Broadcast`):
    /// events of instances of this library are proven to arrive, and those of other programs that publish
    /// at other nodes are not. The health of a channel is `Live` there.
    LiveAmongInstances,
    /// Events may have been lost, or may be lost now.
    Down(Cause),
    /// The bus was closed.
    Closed,
}

impl Health {
    /// Whether events are proven to arrive. Not for a readiness probe, because an idle bus is not
    /// live: use [`Bus::check`](crate::Bus::check).
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live | Self::LiveAmongInstances)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("idle: nothing is subscribed"),
            Self::Connecting => f.write_str("connecting"),
            Self::Live => f.write_str("live"),
            Self::LiveAmongInstances => f.write_str(
                "live among instances of this library: what other programs publish may be lost unnoticed",
            ),
            Self::Down(cause) => write!(f, "down: {cause}"),
            Self::Closed => f.write_str("closed"),
        }
    }
}

/// Why events do not arrive, may have been lost, or cannot be published.
///
/// `Display` says what was found and, where it helps, what to allow or change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// No connection could be made, or it broke.
    Unreachable(Arc<str>),
    /// The server did not answer in time.
    Timeout(Arc<str>),
    /// The server did not accept the user name or the password.
    Credentials(Arc<str>),
    /// The server's access rules forbid a command; the text says what to allow.
    Refused(Arc<str>),
    /// The server is too old, is no Redis, or stands behind a proxy that does not pass RESP3 on.
    Version(Arc<str>),
    /// The address or another setting is unusable.
    Settings(Arc<str>),
    /// The connection ended.
    Disconnected,
    /// No canary came back within the lease: the server, the network or this process stalled.
    LeaseExpired,
    /// The server ended a subscription without being asked to.
    Unsubscribed,
    /// Messages arrived faster than they were handled, and were discarded.
    Overflow,
    /// The server is no primary, so instances on other servers do not receive what is published
    /// there. The text names its role.
    NotPrimary(Arc<str>),
    /// The two connections are on two servers, or the server behind them was replaced.
    AnotherServer,
    /// The Sentinels have named another primary: there was a fail-over. The text says where it is.
    Replaced(Arc<str>),
    /// Another node of the cluster serves the slot of a channel or a key, or is taking it over.
    Moved(Arc<str>),
    /// No node of the cluster serves the slot of a channel or a key. The text names the slot.
    Unserved(Arc<str>),
    /// A canary is missing, and one that was published after it has come back. So the connection
    /// loses messages, although it stays open.
    MissingCanary,
    /// Another instance has waited for this one to confirm an event, and has heard nothing, although
    /// this one was live. So messages may have been lost on their way.
    Unanswered,
    /// A message of this many bytes has come, far more than a payload may have. The connection was
    /// ended, because only then is the memory given back that the message took.
    Oversized(usize),
    /// Two services use one channel for different events.
    Conflict(Arc<str>),
    /// A task of the bus has ended, because it panicked: the one that receives events, or one that
    /// connects.
    Stopped,
    /// The server answered with an error that none of the other causes covers.
    Server(Arc<str>),
    /// The bus was closed.
    Closed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(what) => write!(f, "the server cannot be reached: {what}"),
            Self::Timeout(what) => write!(f, "no answer in time: {what}"),
            Self::Credentials(what) => write!(
                f,
                "the server did not accept the credentials: {what}; check the user name and the \
                 password"
            ),
            Self::Refused(what) => write!(f, "the server refuses it: {what}"),
            Self::Version(what) => write!(
                f,
                "the server is too old, or does not speak RESP3: {what}; expected Redis 6.0 or later, \
                 Redis 7.0 or later in a cluster with sharded pub/sub, or Valkey"
            ),
            Self::Settings(what) => write!(f, "unusable setting: {what}"),
            Self::Disconnected => f.write_str("the connection ended"),
            Self::LeaseExpired => f.write_str("no canary came back within the lease"),
            Self::Unsubscribed => {
                f.write_str("the server ended a subscription without being asked to")
            }
            Self::Overflow => f.write_str("messages arrived faster than they were handled"),
            Self::NotPrimary(role) => write!(
                f,
                "the server is no primary but a {role}: instances on other servers do not hear what is \
                 published there; expected the address of the primary"
            ),
            Self::AnotherServer => {
                f.write_str("the connections are on two servers, or the server was replaced")
            }
            Self::Replaced(by) => write!(f, "the primary was replaced by {by}"),
            Self::Moved(what) => write!(f, "another node of the cluster serves it: {what}"),
            Self::Unserved(what) => write!(f, "no node of the cluster serves it: {what}"),
            Self::MissingCanary => {
                f.write_str("a canary is missing, and a later one has come back")
            }
            Self::Unanswered => f.write_str(
                "another instance has waited for this one to confirm an event, and has heard nothing",
            ),
            Self::Oversized(length) => write!(
                f,
                "a message of {length} bytes has come, far more than the longest payload; the \
                 connection was ended to give its memory back"
            ),
            Self::Conflict(what) => f.write_str(what),
            Self::Stopped => f.write_str("the task that receives events has ended"),
            Self::Server(what) => write!(f, "the server answered with an error: {what}"),
            Self::Closed => f.write_str("the bus is closed"),
        }
    }
}

impl Cause {
    /// The kind of cause in one word, for counting.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout(_) => "timeout",
            Self::Credentials(_) => "credentials",
            Self::Refused(_) => "refused",
            Self::Version(_) => "version",
            Self::Settings(_) => "settings",
            Self::Disconnected => "disconnected",
            Self::LeaseExpired => "lease_expired",
            Self::Unsubscribed => "unsubscribed",
            Self::Overflow => "overflow",
            Self::NotPrimary(_) => "not_primary",
            Self::AnotherServer => "another_server",
            Self::Replaced(_) => "replaced",
            Self::Moved(_) => "moved",
            Self::Unserved(_) => "unserved",
            Self::MissingCanary => "missing_canary",
            Self::Unanswered => "unanswered",
            Self::Oversized(_) => "oversized",
            Self::Conflict(_) => "conflict",
            Self::Stopped => "stopped",
            Self::Server(_) => "server",
            Self::Closed => "closed",
        }
    }
}

impl std::error::Error for Cause {}
