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
mod instances;
#[cfg(feature = "doctor")]
mod introduction;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod servers;
#[cfg(simulation)]
pub(crate) mod simulated;
mod token;
mod wire;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::driver::Driver;
use crate::health::Cause;
use crate::server_info::ServerInfo;
use crate::settings::Settings;
use in_process::Hub;
pub(crate) use in_process::{Attachment, Store};
pub(crate) use instances::{Fenced, Instances, Listed, Listing};
#[cfg(feature = "doctor")]
pub(crate) use introduction::Introduction;
pub(crate) use servers::Servers;
pub(crate) use token::Compare;
pub use token::{
    Acquired, Content, DeleteIf, EntryKeys, Filled, Found, Record, Seek, Stored, Token,
};
pub(crate) use wire::{Canary, CanaryAnswer, Feed, Published, Status, Wire};

/// Carries the payloads of a bus. Clones share its connections.
#[derive(Clone)]
pub(crate) enum Transport {
    InProcess(Arc<Attachment>),
    #[cfg(feature = "redis")]
    Redis(Arc<redis::Redis>),
    #[cfg(simulation)]
    Simulated(Arc<simulated::Client>),
}

/// A connection for events.
pub(crate) enum Connection {
    InProcess(in_process::Subscriber),
    #[cfg(feature = "redis")]
    Redis(redis::Subscriber),
    #[cfg(simulation)]
    Simulated(simulated::Subscriber),
}

/// Keeps keys and values.
pub(crate) enum Backend<'a> {
    InProcess(&'a Store),
    #[cfg(feature = "redis")]
    Redis(redis::Nodes<'a>),
}

/// The answer to a command or question on a [`Connection`]: at once, or by a future.
#[cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "the in-process bus answers at once")
)]
pub(crate) enum Answer<T> {
    Now(T),
    Later(BoxFuture<'static, T>),
}

impl Transport {
    pub(crate) fn in_process(driver: &Driver) -> Self {
        let hub = Arc::new(Hub::new(driver));
        Self::InProcess(Arc::new(Attachment::new(hub)))
    }

    /// Whether this is the same transport, with the same connections.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::InProcess(a), Self::InProcess(b)) => Arc::ptr_eq(a, b),
            #[cfg(feature = "redis")]
            (Self::Redis(a), Self::Redis(b)) => Arc::ptr_eq(a, b),
            #[cfg(simulation)]
            (Self::Simulated(a), Self::Simulated(b)) => Arc::ptr_eq(a, b),
            #[cfg(any(feature = "redis", simulation))]
            _ => false,
        }
    }

    /// The backend that keeps keys and values.
    pub(crate) fn backend(&self) -> Result<Backend<'_>, Cause> {
        Ok(match self {
            Self::InProcess(attachment) => Backend::InProcess(attachment.reached()?.store()),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => Backend::Redis(redis::Nodes::One(redis)),
            #[cfg(simulation)]
            Self::Simulated(client) => Backend::InProcess(client.store()),
        })
    }

    /// The place of an instance in the process.
    #[cfg(feature = "testing")]
    pub(crate) fn attachment(&self) -> Option<&Arc<Attachment>> {
        match self {
            Self::InProcess(attachment) => Some(attachment),
            #[cfg(feature = "redis")]
            Self::Redis(_) => None,
            #[cfg(simulation)]
            Self::Simulated(_) => None,
        }
    }

    /// What tells the keys and values of one server from those of another.
    pub(crate) fn store(&self) -> String {
        match self {
            Self::InProcess(attachment) => format!("{:p}", attachment.hub().store()),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.store(),
            #[cfg(simulation)]
            Self::Simulated(client) => format!("{:p}", client.store()),
        }
    }

    /// The transport of another instance: it shares no connection with this one.
    pub(crate) fn another_instance(&self, settings: &Settings) -> Self {
        match self {
            Self::InProcess(attachment) => {
                Self::InProcess(Arc::new(Attachment::new(Arc::clone(attachment.hub()))))
            }
            #[cfg(feature = "redis")]
            Self::Redis(redis) => Self::Redis(redis.another_instance(settings)),
            #[cfg(simulation)]
            Self::Simulated(client) => Self::Simulated(Arc::new(client.another_instance())),
        }
    }

    /// Whether a subscription takes effect at once, so that no event is missed before it does.
    pub(crate) fn is_gapless(&self) -> bool {
        matches!(self, Self::InProcess(_))
    }

    /// Whether the server keeps subscriptions of channels whose slot it no longer serves, so that canaries
    /// have to ask for the slots.
    pub(crate) fn is_broadcast(&self) -> bool {
        match self {
            Self::InProcess(_) => false,
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.is_broadcast(),
            #[cfg(simulation)]
            Self::Simulated(_) => false,
        }
    }

    /// Called before the first subscription of a link. In process, gives `feed` all messages from now
    /// on. With Redis, `feed` is told when an answer shows that the server is the wrong one.
    pub(crate) fn attach(&self, feed: Feed) {
        match self {
            Self::InProcess(attachment) => attachment.attach(feed),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.attach(feed),
            #[cfg(simulation)]
            Self::Simulated(client) => client.attach(feed),
        }
    }

    /// Opens a connection for events.
    pub(crate) fn connect(&self, feed: Feed) -> Answer<Result<Connection, Cause>> {
        match self {
            Self::InProcess(attachment) => {
                let subscriber = in_process::Subscriber::new(attachment, feed);
                Answer::Now(subscriber.map(Connection::InProcess))
            }
            #[cfg(feature = "redis")]
            Self::Redis(redis) => {
                let redis = Arc::clone(redis);
                Answer::Later(Box::pin(async move {
                    let subscriber = redis.subscriber(feed).await;
                    subscriber.map(Connection::Redis)
                }))
            }
            #[cfg(simulation)]
            Self::Simulated(client) => {
                let client = Arc::clone(client);
                Answer::Later(Box::pin(async move {
                    let subscriber = client.subscriber(feed).await;
                    subscriber.map(Connection::Simulated)
                }))
            }
        }
    }

    /// Drops the connections for commands, because the connection for events has ended. The next
    /// commands open new ones, so that all lead to one server. With a cause, the server counts as
    /// away until a connection succeeds.
    pub(crate) fn disconnect(&self, away: Option<&Cause>) {
        match self {
            Self::InProcess(_) => {}
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.disconnect(away),
            #[cfg(simulation)]
            Self::Simulated(client) => client.disconnect(),
        }
    }

    /// Takes note that nothing is subscribed any more, so that the connection for events has ended.
    pub(crate) fn ends_events(&self) {
        match self {
            Self::InProcess(_) => {}
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.ends_events(),
            #[cfg(simulation)]
            Self::Simulated(client) => client.ends_events(),
        }
    }

    /// Takes note that the server has just accepted a connection for events.
    pub(crate) fn reachable(&self) {
        match self {
            Self::InProcess(_) => {}
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.reachable(),
            #[cfg(simulation)]
            Self::Simulated(_) => {}
        }
    }

    /// What the server says of itself on each further connection for commands, and the number of that
    /// connection. `None` if there is no answer.
    pub(crate) fn ask_others(&self) -> Vec<BoxFuture<'static, Option<(ServerInfo, u64)>>> {
        match self {
            Self::InProcess(_) => Vec::new(),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.ask_others(),
            #[cfg(simulation)]
            Self::Simulated(_) => Vec::new(),
        }
    }

    /// Publishes a canary.
    pub(crate) async fn publish_canary(&self, canary: Canary<'_>) -> Result<CanaryAnswer, Cause> {
        match self {
            Self::InProcess(attachment) => {
                let hub = attachment.reached()?;
                #[cfg(feature = "testing")]
                if let Some((listing, _)) = canary.listing {
                    attachment.list(listing);
                }
                hub.publish(canary.channel, &canary.payload);
                Ok(CanaryAnswer {
                    server: in_process::SERVER.clone(),
                    connection: 0,
                    listed: canary.listing.map(|_| Ok(0)),
                })
            }
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.publish_canary(canary).await,
            #[cfg(simulation)]
            Self::Simulated(client) => client.publish_canary(canary).await,
        }
    }

    /// Publishes a fence, and then reads the list of instances.
    pub(crate) async fn publish_fence(
        &self,
        channel: &str,
        payload: Vec<u8>,
        list: &str,
    ) -> Result<Fenced, Cause> {
        match self {
            Self::InProcess(attachment) => {
                let hub = attachment.reached()?;
                Ok(Fenced {
                    receivers: hub.publish(channel, &payload),
                    instances: Some(hub.instances()),
                })
            }
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.publish_fence(channel, payload, list).await,
            #[cfg(simulation)]
            Self::Simulated(client) => client.publish_fence(channel, payload).await,
        }
    }

    /// The list of instances; `None` if the server does not tell.
    pub(crate) async fn instances(&self, list: &str) -> Result<Option<Instances>, Cause> {
        match self {
            Self::InProcess(attachment) => Ok(Some(attachment.reached()?.instances())),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.instances(list).await,
            #[cfg(simulation)]
            Self::Simulated(client) => client.instances().await,
        }
    }

    /// Takes this instance off the list, because it serves nothing any more.
    pub(crate) async fn unlist(&self, listing: &Listing) -> Result<(), Cause> {
        match self {
            Self::InProcess(_) => Ok(()),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.unlist(listing).await,
            #[cfg(simulation)]
            Self::Simulated(client) => client.unlist(listing).await,
        }
    }

    /// Whether publishing is possible now.
    pub(crate) async fn check(&self) -> Result<(), Cause> {
        match self {
            Self::InProcess(attachment) => attachment.reached().map(drop),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.check().await,
            #[cfg(simulation)]
            Self::Simulated(client) => client.check().await,
        }
    }

    /// What the server says of itself.
    #[cfg(feature = "doctor")]
    pub(crate) async fn introduce(&self) -> Result<Introduction, Cause> {
        #[cfg(feature = "redis")]
        if let Self::Redis(redis) = self {
            return redis.introduce().await;
        }
        Ok(Introduction {
            address: "in process".to_owned(),
            software: "no server".to_owned(),
        })
    }

    /// Whether the last attempts to use the server have failed.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::InProcess(_) => false,
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.is_away(),
            #[cfg(simulation)]
            Self::Simulated(_) => false,
        }
    }

    /// Asks the server whether it can be used, on every connection for commands that is in use.
    pub(crate) async fn ask(&self) -> Result<(), Cause> {
        match self {
            Self::InProcess(attachment) => attachment.reached().map(drop),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.ask().await,
            #[cfg(simulation)]
            Self::Simulated(client) => client.ask().await,
        }
    }

    /// Deletes keys and then publishes a payload, in one round trip. The payload is published even if
    /// the keys cannot be deleted, unless the server turns out to be the wrong one.
    pub(crate) async fn publish(
        &self,
        channel: &str,
        payload: &[u8],
        delete: &[String],
    ) -> Result<Published, Cause> {
        match self {
            Self::InProcess(attachment) => {
                let hub = attachment.reached()?;
                hub.store().delete(delete);
                Ok(Published {
                    receivers: Ok(hub.publish(channel, payload)),
                    deleted: Ok(()),
                })
            }
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.publish(channel, payload, delete).await,
            #[cfg(simulation)]
            Self::Simulated(client) => {
                client.store().delete(delete);
                client.publish(channel, payload).await
            }
        }
    }

    /// In process, ends the feed. With Redis, drops the connections for commands, so that commands
    /// fail from now on.
    pub(crate) fn close(&self) {
        match self {
            Self::InProcess(attachment) => attachment.detach(),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.close(),
            #[cfg(simulation)]
            Self::Simulated(client) => client.close(),
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
            #[cfg(simulation)]
            Self::Simulated(_) => f.write_str("simulated"),
        }
    }
}

/// Confirmations arrive through the feed if an answer does not hold them.
impl Connection {
    pub(crate) fn subscribe(&self, channels: &[Arc<str>]) -> Answer<Vec<Status>> {
        match self {
            Self::InProcess(subscriber) => {
                let statuses = channels
                    .iter()
                    .filter_map(|channel| subscriber.subscribe(channel));
                Answer::Now(statuses.collect())
            }
            #[cfg(feature = "redis")]
            Self::Redis(subscriber) => Answer::Later(subscriber.subscribe(channels)),
            #[cfg(simulation)]
            Self::Simulated(subscriber) => Answer::Later(subscriber.subscribe(channels)),
        }
    }

    pub(crate) fn unsubscribe(&self, channels: &[Arc<str>]) -> Answer<Vec<Status>> {
        match self {
            Self::InProcess(subscriber) => {
                let ended = channels
                    .iter()
                    .filter_map(|channel| subscriber.unsubscribe(channel));
                Answer::Now(ended.collect())
            }
            #[cfg(feature = "redis")]
            Self::Redis(subscriber) => Answer::Later(subscriber.unsubscribe(channels)),
            #[cfg(simulation)]
            Self::Simulated(subscriber) => Answer::Later(subscriber.unsubscribe(channels)),
        }
    }

    /// The server's role and identity, as it answered when the connection was opened.
    pub(crate) fn server(&self) -> &ServerInfo {
        match self {
            Self::InProcess(_) => &in_process::SERVER,
            #[cfg(feature = "redis")]
            Self::Redis(subscriber) => subscriber.server(),
            #[cfg(simulation)]
            Self::Simulated(subscriber) => subscriber.server(),
        }
    }

    /// Asks the server for its role and identity.
    pub(crate) fn ask(&self) -> Answer<Result<ServerInfo, Cause>> {
        match self {
            Self::InProcess(subscriber) => Answer::Now(subscriber.ask()),
            #[cfg(feature = "redis")]
            Self::Redis(subscriber) => Answer::Later(subscriber.ask()),
            #[cfg(simulation)]
            Self::Simulated(subscriber) => Answer::Later(subscriber.ask()),
        }
    }
}
