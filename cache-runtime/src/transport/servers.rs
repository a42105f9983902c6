//! What carries a bus: one transport, or the nodes of a cluster.

use std::fmt;
#[cfg(any(feature = "redis", simulation))]
use std::sync::Arc;

#[cfg(feature = "doctor")]
use super::Introduction;
#[cfg(feature = "redis")]
use super::redis::{Cluster, Redis, Target, addresses};
#[cfg(simulation)]
use super::simulated::Cluster;
use super::{Backend, Published, Transport};
use crate::health::Cause;
use crate::settings::Settings;

/// A node of a cluster as a transport.
#[cfg(feature = "redis")]
const NODE: fn(Arc<Redis>) -> Transport = Transport::Redis;
#[cfg(simulation)]
const NODE: fn(Arc<super::simulated::Client>) -> Transport = Transport::Simulated;

/// What carries a bus.
#[derive(Clone)]
pub(crate) enum Servers {
    One(Transport),
    #[cfg(any(feature = "redis", simulation))]
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

    /// The server of a simulated network, or its cluster.
    #[cfg(simulation)]
    pub(crate) fn simulated(
        network: &super::simulated::Network,
        limits: super::simulated::Limits,
        settings: &Settings,
    ) -> Self {
        if network.is_cluster() {
            Self::Cluster(Arc::new(Cluster::new(network, limits, settings)))
        } else {
            Self::One(Transport::Simulated(Arc::new(network.client(limits))))
        }
    }

    /// The transport, unless these are the nodes of a cluster.
    pub(crate) fn one(&self) -> Option<&Transport> {
        match self {
            Self::One(transport) => Some(transport),
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(_) => None,
        }
    }

    /// The backend that keeps keys and values.
    pub(crate) fn backend(&self) -> Result<Backend<'_>, Cause> {
        match self {
            Self::One(transport) => transport.backend(),
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => Ok(Backend::Redis(cluster.into())),
            #[cfg(simulation)]
            Self::Cluster(cluster) => Ok(Backend::InProcess(cluster.store())),
        }
    }

    /// What tells the keys and values of one server from those of another.
    pub(crate) fn store(&self) -> String {
        match self {
            Self::One(transport) => transport.store(),
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(cluster) => cluster.address(),
        }
    }

    /// The address without its credentials.
    #[cfg(any(feature = "metrics", feature = "otel"))]
    pub(crate) fn address(&self) -> String {
        match self {
            #[cfg(feature = "redis")]
            Self::One(Transport::Redis(redis)) => redis.address().to_owned(),
            Self::One(_) => "in process".to_owned(),
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(cluster) => cluster.address(),
        }
    }

    /// Those of another instance: they share no connection with these.
    pub(crate) fn another_instance(&self, settings: &Settings) -> Self {
        match self {
            Self::One(transport) => Self::One(transport.another_instance(settings)),
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(cluster) => Self::Cluster(Arc::new(cluster.another_instance(settings))),
        }
    }

    /// What carries the events of a channel; `None` if that is not known yet.
    pub(crate) fn carrier(&self, channel: &str) -> Option<Transport> {
        match self {
            Self::One(transport) => Some(transport.clone()),
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(cluster) => {
                let map = cluster.known()?;
                map.primary(channel).cloned().map(NODE)
            }
        }
    }

    /// Whether publishing is possible now.
    pub(crate) async fn check(&self) -> Result<(), Cause> {
        match self {
            Self::One(transport) => transport.check().await,
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(cluster) => cluster.map().await.map(drop),
        }
    }

    /// Whether the last attempts to use a server have failed.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::One(transport) => transport.is_away(),
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(cluster) => cluster.is_away(),
        }
    }

    /// What each server says of itself.
    #[cfg(feature = "doctor")]
    pub(crate) async fn introduce(&self) -> Result<Vec<Introduction>, Cause> {
        match self {
            Self::One(transport) => Ok(vec![transport.introduce().await?]),
            #[cfg(feature = "redis")]
            Self::Cluster(cluster) => cluster.introduce().await,
            #[cfg(simulation)]
            Self::Cluster(_) => Ok(Vec::new()),
        }
    }

    /// Asks each server whether it can be used.
    pub(crate) async fn ask(&self) -> Result<(), Cause> {
        match self {
            Self::One(transport) => transport.ask().await,
            #[cfg(any(feature = "redis", simulation))]
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
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(cluster) => cluster.publish(channel, payload, delete).await,
        }
    }

    /// Ends the feed, or all connections for commands.
    pub(crate) fn close(&self) {
        match self {
            Self::One(transport) => transport.close(),
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(cluster) => cluster.close(),
        }
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(transport) => transport.fmt(f),
            #[cfg(any(feature = "redis", simulation))]
            Self::Cluster(cluster) => write!(f, "Redis Cluster at {}", cluster.address()),
        }
    }
}
