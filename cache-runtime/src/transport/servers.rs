//! What carries a bus: one transport, or the nodes of a cluster.

use std::fmt;
#[cfg(feature = "redis")]
use std::sync::Arc;

#[cfg(feature = "redis")]
use super::redis::{Cluster, Redis, Target, addresses};
use super::{Backend, Published, Transport};
use crate::health::Cause;
use crate::settings::Settings;

/// What carries a bus.
#[derive(Clone)]
pub(crate) enum Servers {
    One(Transport),
    #[cfg(feature = "redis")]
    Cluster(Arc<Cluster>),
}

impl Servers {
    /// The server at an address, or the cluster at a `redis-cluster://` address.
    #[cfg(feature = "redis")]
    pub(crate) fn redis(target: &Target, settings: &Settings) -> Result<Self, Cause> {
        let Some(addresses) = addresses(&target.address)? else {
            return Ok(Self::One(Transport::Redis(Redis::new(target, settings)?)));
        };
        let node = |address| Target {
            address,
            ..target.clone()
        };
        let nodes: Vec<_> = addresses.into_iter().map(node).collect();
        Ok(Self::Cluster(Arc::new(Cluster::new(&nodes, settings)?)))
    }

    /// The transport, unless these are the nodes of a cluster.
    pub(crate) fn one(&self) -> Option<&Transport> {
        match self {
            Self::One(transport) => Some(transport),
            #[cfg(feature = "redis")]
            Self::Cluster(_) => None,
        }
    }

    /// The backend that keeps keys and values.
    pub(crate) fn backend(&self) -> Backend<'_> {
        match self {
            Self::One(transport) => transport.backend(),
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => Backend::Redis(cluster.into()),
        }
    }

    /// What tells the keys and values of one server from those of another.
    pub(crate) fn store(&self) -> String {
        match self {
            Self::One(transport) => transport.store(),
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => cluster.address(),
        }
    }

    /// Those of another instance: they share no connection with these.
    pub(crate) fn another_instance(&self, settings: &Settings) -> Self {
        match self {
            Self::One(transport) => Self::One(transport.another_instance(settings)),
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => Self::Cluster(Arc::new(cluster.another_instance(settings))),
        }
    }

    /// What carries the events of a channel; `None` if that is not known yet.
    pub(crate) fn carrier(&self, channel: &str) -> Option<Transport> {
        match self {
            Self::One(transport) => Some(transport.clone()),
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => {
                let map = cluster.known()?;
                map.primary(channel).cloned().map(Transport::Redis)
            }
        }
    }

    /// Whether publishing is possible now.
    pub(crate) async fn check(&self) -> Result<(), Cause> {
        match self {
            Self::One(transport) => transport.check().await,
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => cluster.map().await.map(drop),
        }
    }

    /// Whether the last attempts to use a server have failed.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::One(transport) => transport.is_away(),
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => cluster.is_away(),
        }
    }

    /// Asks each server whether it can be used.
    pub(crate) async fn ask(&self) -> Result<(), Cause> {
        match self {
            Self::One(transport) => transport.ask().await,
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => cluster.ask().await,
        }
    }

    /// Deletes keys and then publishes a payload. The payload is published even if the keys cannot be
    /// deleted, unless a server turns out to be the wrong one.
    pub(crate) async fn publish(
        &self,
        channel: &str,
        payload: &[u8],
        delete: &[String],
    ) -> Result<Published, Cause> {
        match self {
            Self::One(transport) => transport.publish(channel, payload, delete).await,
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => cluster.publish(channel, payload, delete).await,
        }
    }

    /// Ends the feed, or all connections for commands.
    pub(crate) fn close(&self) {
        match self {
            Self::One(transport) => transport.close(),
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => cluster.close(),
        }
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(transport) => transport.fmt(f),
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => write!(f, "Redis Cluster at {}", cluster.address()),
        }
    }
}
