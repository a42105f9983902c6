//! What a diagnosis asks of a bus.

use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::channel::{Dispatch, Sound, Tail};
use crate::error::NotReady;
use crate::health::Cause;
use crate::queue::Queue;
use crate::settings::INSTANCES_KEY;
use crate::transport::{Instances, Introduction};

impl Shared {
    /// What each server says of itself.
    pub(crate) async fn introduce(&self) -> Result<Vec<Introduction>, Cause> {
        self.usable()?.introduce().await
    }

    /// Waits until a canary has come back. Returns how long it took.
    pub(crate) async fn canary(self: &Arc<Self>) -> Result<Option<Duration>, NotReady> {
        self.ready(self.listen(), None).await?;
        Ok(self.lease.counters().canary())
    }

    /// The instances that are listed; `None` in a cluster, or if the server does not tell.
    pub(crate) async fn listed(&self) -> Result<Option<Instances>, Cause> {
        match self.usable()?.one() {
            Some(transport) => transport.instances(&self.full(INSTANCES_KEY)).await,
            None => Ok(None),
        }
    }

    /// Reads what goes over a channel, on a bus that has no services. The name is without the namespace.
    pub(crate) fn tail(self: &Arc<Self>, channel: &str, reader: &Arc<Queue<Sound>>) -> Arc<Tail> {
        let name: Arc<str> = self.full(channel).into();
        let new = |id| {
            let proven = self.proven.clone().unwrap_or_default();
            Arc::new(Tail::new(id, Arc::clone(&name), proven, Arc::clone(reader)))
        };
        let tail = {
            let mut table = self.table.lock();
            let tail = new(table.next_id());
            match table.channels.entry(Arc::clone(&name)) {
                Entry::Vacant(vacant) => vacant.insert(Arc::clone(&tail) as _),
                // It is read already.
                Entry::Occupied(_) => return tail,
            };
            tail
        };
        let channel: Arc<dyn Dispatch> = Arc::clone(&tail) as _;
        self.want(&channel);
        tail
    }
}
