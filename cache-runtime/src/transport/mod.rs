//! The transports, which carry payloads and keep keys: the process itself, or Redis.

#![cfg_attr(
    not(feature = "redis"),
    allow(
        unused_variables,
        clippy::needless_pass_by_value,
        clippy::unnecessary_wraps,
        clippy::unused_async,
        reason = "the other transport needs these signatures"
    )
)]

mod in_process;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod token;
mod wire;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::health::Cause;
#[cfg(feature = "redis")]
use crate::settings::Settings;
use in_process::Attachment;
pub(crate) use in_process::Store;
pub(crate) use token::Compare;
pub use token::{Acquired, DeleteIf, EntryKeys, Filled, Found, Record, Seek, Token};
pub(crate) use wire::{Feed, Status, Wire};

/// Carries the payloads of a bus. Clones share its connections.
#[derive(Clone)]
pub(crate) enum Transport {
    InProcess(Arc<Attachment>),
    #[cfg(feature = "redis")]
    Redis(Arc<redis::Redis>),
}

/// A connection for events.
pub(crate) enum Connection {
    InProcess(in_process::Subscriber),
    #[cfg(feature = "redis")]
    Redis(redis::Subscriber),
}

/// Keeps keys and values.
pub(crate) enum Backend<'a> {
    InProcess(&'a Store),
    #[cfg(feature = "redis")]
    Redis(&'a redis::Redis),
}

/// The result of a command of a [`Connection`].
pub(crate) enum Command {
    Done(Status),
    /// The confirmation arrives through the feed. If the command fails, there is none, and the
    /// future returns a status.
    #[cfg_attr(
        not(feature = "redis"),
        expect(dead_code, reason = "the in-process bus answers at once")
    )]
    Pending(BoxFuture<'static, Option<Status>>),
}

impl Transport {
    pub(crate) fn in_process() -> Self {
        Self::InProcess(Arc::default())
    }

    #[cfg(feature = "redis")]
    pub(crate) fn redis(url: &str, settings: &Settings) -> Result<Self, Cause> {
        Ok(Self::Redis(Arc::new(redis::Redis::new(url, settings)?)))
    }

    /// The backend that keeps keys and values.
    pub(crate) fn backend(&self) -> Backend<'_> {
        match self {
            Self::InProcess(attachment) => Backend::InProcess(attachment.hub().store()),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => Backend::Redis(redis),
        }
    }

    /// The transport of another instance, with its own connections.
    pub(crate) fn another_instance(&self) -> Self {
        match self {
            Self::InProcess(attachment) => {
                Self::InProcess(Arc::new(Attachment::new(Arc::clone(attachment.hub()))))
            }
            #[cfg(feature = "redis")]
            Self::Redis(redis) => Self::Redis(Arc::new(redis.another_instance())),
        }
    }

    /// Whether a subscription takes effect at once, so that no event is missed before it does.
    pub(crate) fn is_gapless(&self) -> bool {
        matches!(self, Self::InProcess(_))
    }

    /// In process, gives `feed` all messages from now on. Called once, before the first
    /// subscription.
    pub(crate) fn attach(&self, feed: Feed) {
        match self {
            Self::InProcess(attachment) => attachment.attach(feed),
            #[cfg(feature = "redis")]
            Self::Redis(_) => {}
        }
    }

    /// Opens a connection for events. `Ok` is a connection that is open at once, and `Err` a future
    /// that opens it.
    pub(crate) fn connect(
        &self,
        feed: Feed,
    ) -> Result<Connection, BoxFuture<'static, Result<Connection, Cause>>> {
        match self {
            Self::InProcess(attachment) => Ok(Connection::InProcess(in_process::Subscriber::new(
                attachment,
            ))),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => {
                let redis = Arc::clone(redis);
                Err(Box::pin(async move {
                    let subscriber = redis.subscriber(feed).await;
                    subscriber.map(Connection::Redis)
                }))
            }
        }
    }

    /// Checks whether the server can be reached and accepts the credentials.
    pub(crate) async fn check(&self) -> Result<(), Cause> {
        match self {
            Self::InProcess(_) => Ok(()),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.check().await,
        }
    }

    /// Publishes a payload, and returns how many subscribers the server counts.
    pub(crate) async fn publish(&self, channel: &str, payload: Vec<u8>) -> Result<u64, Cause> {
        match self {
            Self::InProcess(attachment) => Ok(attachment.hub().publish(channel, &payload)),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.publish(channel, payload).await,
        }
    }

    /// In process, ends the feed. With Redis, drops the connection for commands, so that commands
    /// fail from now on.
    pub(crate) fn close(&self) {
        match self {
            Self::InProcess(attachment) => attachment.detach(),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.close(),
        }
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InProcess(_) => f.write_str("in-process"),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => write!(f, "Redis at {}", redis.address()),
        }
    }
}

impl Connection {
    pub(crate) fn subscribe(&self, channel: Arc<str>) -> Command {
        match self {
            Self::InProcess(subscriber) => Command::Done(subscriber.subscribe(&channel)),
            #[cfg(feature = "redis")]
            Self::Redis(subscriber) => Command::Pending(subscriber.subscribe(channel)),
        }
    }

    pub(crate) fn unsubscribe(&self, channel: Arc<str>) -> Command {
        match self {
            Self::InProcess(subscriber) => Command::Done(subscriber.unsubscribe(&channel)),
            #[cfg(feature = "redis")]
            Self::Redis(subscriber) => Command::Pending(subscriber.unsubscribe(channel)),
        }
    }
}
