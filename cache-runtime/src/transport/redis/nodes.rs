//! Where keys and values are: on one server, or each on the node of its slot.

use std::sync::Arc;

use redis::FromRedisValue;

use super::commands::Again;
use super::request::Request;
use super::{Cluster, Redis};
use crate::health::Cause;

/// Where keys and values are.
#[derive(Clone, Copy)]
pub(crate) enum Nodes<'a> {
    One(&'a Redis),
    Cluster(&'a Arc<Cluster>),
}

impl Nodes<'_> {
    /// Sends a request that concerns a key, and returns what it is answered with.
    pub(super) async fn request<T: FromRedisValue>(
        self,
        request: &Request<'_>,
        again: Again,
        key: &str,
    ) -> Result<T, Cause> {
        match self {
            Self::One(redis) => redis.request(request, again, key).await,
            // This future is larger than the callers', so it is boxed to keep theirs small.
            Self::Cluster(cluster) => Box::pin(cluster.request(request, again, key)).await,
        }
    }

    /// See [`Redis::request_in_epoch`].
    pub(super) async fn request_in_epoch<T: FromRedisValue>(
        self,
        generation: &str,
        request: &Request<'_>,
        again: Again,
        key: &str,
    ) -> Result<(T, String), Cause> {
        match self {
            Self::One(redis) => {
                let asked = redis.request_in_epoch(generation, request, again, key);
                asked.await
            }
            Self::Cluster(cluster) => {
                let asked = cluster.request_in_epoch(generation, request, again, key);
                // Boxed to keep the callers' futures small.
                Box::pin(asked).await
            }
        }
    }

    /// Whether a command may name keys of one slot only.
    pub(super) fn has_slots(self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl<'a> From<&'a Arc<Cluster>> for Nodes<'a> {
    fn from(cluster: &'a Arc<Cluster>) -> Self {
        Self::Cluster(cluster)
    }
}
