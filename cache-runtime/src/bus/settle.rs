//! Waits until no instance can serve what was evicted before.
//!
//! The publisher sends a fence, and reads the list of live instances right after it. An instance that
//! is not on the list has not been live since; before it is, it flushes. One that acknowledges the
//! fence has applied every event before. One that is silent is waited for until its lease has ended.
//! It cannot renew the lease in between: a canary that was published after the fence comes back after
//! the fence, on the same connection. This is a lease as in Gray and Cheriton, "Leases: an efficient
//! fault-tolerant mechanism for distributed file cache consistency" (SOSP 1989).
//!
//! If a silent instance has renewed its lease all the same, it has missed the fence, and perhaps
//! events. A further fence tells it to flush.
//!
//! Where the list may be incomplete, everybody's lease is waited for: see [`Shared::may_be_unlisted`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::fences::Message;
use super::listening::Listening;
use super::shared::Shared;
use crate::channel::Dispatch;
use crate::clock::Instant;
use crate::driver::Driver;
use crate::error::NotSettled;
use crate::event::Settled;
use crate::health::{Cause, Health, Reported};
use crate::remedy::Remedy;
use crate::settings::{FENCE, INSTANCES_KEY};
use crate::transport::{Fenced, Instances, Listed, Transport};

/// How many fences are sent at most.
const MOST_ROUNDS: u32 = 4;
/// How often in a lease the server is asked for instances that may be live.
const ASKED_IN_LEASE: u32 = 8;
/// How often it is asked at most.
const MOST_ASKED: u32 = 4 * ASKED_IN_LEASE;

/// A silent instance.
struct Silent {
    instance: Listed,
    /// When its lease has ended for certain.
    ends: Instant,
}

/// What has come of one fence.
struct Round {
    acknowledged: HashMap<u64, Arc<str>>,
    silent: Vec<Listed>,
}

impl Shared {
    /// What drives the bus.
    pub(crate) fn driver(&self) -> &Driver {
        &self.settings().driver
    }

    /// To be called before an event is published that is to be confirmed. Returns the time.
    ///
    /// If nothing is subscribed, opens the connection for events first. From then on all connections lead
    /// to one primary. Otherwise the event might go to a former primary, and the fence to its successor.
    /// A bus with caches does not wait: publishing evicts from them at once.
    pub(crate) async fn begin_confirming(self: &Arc<Self>) -> Duration {
        let is_alone = self.health().get() == Health::Idle && !self.is_cluster();
        if is_alone && self.usable().is_ok() {
            // Publishing says by itself why the server cannot be used.
            let _ = self.ready(self.listen(), None).await;
        }
        self.now()
    }

    /// Waits until every instance has applied the events that were published before this call, or can
    /// serve nothing that is older. For what was published since a time, this instance has to have been
    /// live ever since, so that the events went to the server that the fence went to.
    pub(crate) async fn settled(
        self: &Arc<Self>,
        begun: Option<Duration>,
    ) -> Result<Settled, NotSettled> {
        let servers = self.usable().map_err(NotSettled::down)?;
        let Some(transport) = servers.one() else {
            return self.expire().await;
        };
        let live = self.ready(self.listen(), None).await;
        live.map_err(|not_ready| NotSettled::down(not_ready.cause))?;

        let mut acknowledged = HashMap::new();
        let mut expired: HashMap<u64, Arc<str>> = HashMap::new();
        let mut missed: Vec<Listed> = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let unanswered = missed.iter().map(|instance| instance.id).collect();
            let round = self.round(transport, unanswered).await?;
            acknowledged.extend(round.acknowledged);
            let silent = round.silent.iter();
            expired.extend(silent.map(|silent| (silent.id, Arc::clone(&silent.name))));
            missed = self.missed(transport, &round.silent).await?;
            if missed.is_empty() {
                let is_proven = |begun| self.fences().is_proven_since(begun);
                if Remedy::ProvenSinceBegun.applies() && !begun.is_none_or(is_proven) {
                    return Err(NotSettled::not_live());
                }
                expired.retain(|id, _| !acknowledged.contains_key(id));
                return Ok(Settled {
                    acknowledged: acknowledged.into_values().collect(),
                    expired: expired.into_values().collect(),
                });
            }
        }
        let names = missed.into_iter().map(|instance| instance.name);
        Err(NotSettled::silent_instances(names.collect()))
    }

    /// Keeps the connection for events open from now on. Returns the health to wait for.
    pub(super) fn listen(self: &Arc<Self>) -> &Reported {
        let listening = self.listening.get_or_init(|| {
            let listening = Arc::new(Listening::new(self.settings(), self.lease.proven()));
            let channel: Arc<dyn Dispatch> = Arc::clone(&listening) as _;
            self.want(&channel);
            listening
        });
        listening.health()
    }

    /// Waits until every lease has ended that no canary has renewed which was published after this call.
    ///
    /// In a cluster, each instance has its links' canaries in slots of its own choice, so there is no
    /// channel that all listen to on the node of an event.
    async fn expire(&self) -> Result<Settled, NotSettled> {
        self.driver().sleep(self.settings().lease).await;
        if self.is_closed() {
            return Err(NotSettled::down(Cause::Closed));
        }
        Ok(Settled {
            acknowledged: Vec::new(),
            expired: Vec::new(),
        })
    }

    /// Sends a fence, and waits for all that are subscribed to it or listed.
    async fn round(
        &self,
        transport: &Transport,
        unanswered: Vec<u64>,
    ) -> Result<Round, NotSettled> {
        let waiting = self.fences().begin();
        let message = Message::Fence {
            publisher: self.id(),
            number: waiting.number,
            unanswered,
        };
        let (fence, list) = (self.full(FENCE), self.full(INSTANCES_KEY));
        let sent = transport.publish_fence(&fence, message.write(), &list);
        let Fenced {
            receivers,
            instances,
        } = sent.await.map_err(NotSettled::down)?;
        // Later than on the server, so that every lease is waited for a little too long.
        let sent = self.driver().instant();
        let lease_ends = sent + self.settings().lease;
        let mut silent: Vec<Silent> = Vec::new();
        if let Some(instances) = &instances {
            silent.extend(instances.listed.iter().map(|instance| {
                // Both are cut to whole ms.
                let left = instance.until.saturating_sub(instances.now) + 1;
                Silent {
                    instance: instance.clone(),
                    ends: sent + Duration::from_millis(left),
                }
            }));
        }
        loop {
            if self.is_closed() {
                return Err(NotSettled::down(Cause::Closed));
            }
            let acknowledged = waiting.acknowledged();
            silent.retain(|silent| !acknowledged.contains_key(&silent.instance.id));
            // Its own fence comes after what others have said before, such as that they are not listed.
            let everybody = !acknowledged.contains_key(&self.id())
                || !transport.is_gapless() && self.may_be_unlisted(instances.as_ref());
            // Some subscribers may not be listed, and so may instances that are cut off.
            let unknown = everybody || (acknowledged.len() as u64) < receivers;
            let lease_ends = unknown.then_some(lease_ends);
            let waited_for = silent.iter().filter(|_| Remedy::SilentLease.applies());
            let ends = waited_for.map(|silent| silent.ends);
            let now = self.driver().instant();
            // The latest of those that are not over yet: until then somebody may serve.
            let Some(latest) = ends.chain(lease_ends).filter(|ends| *ends > now).max() else {
                let silent = silent.into_iter().map(|silent| silent.instance);
                return Ok(Round {
                    acknowledged,
                    silent: silent.collect(),
                });
            };
            let changed = waiting.changed.notified();
            let _ = self.driver().timeout(latest - now, changed).await;
        }
    }

    /// The instances that were silent, and say that a canary has come back to them that was published
    /// after the fence.
    ///
    /// One that has sent such a canary may not have said so yet. It is waited for until it has, or
    /// sends no more: without canaries that come back, its connection ends with its lease.
    async fn missed(
        &self,
        transport: &Transport,
        silent: &[Listed],
    ) -> Result<Vec<Listed>, NotSettled> {
        let (list, lease) = (self.full(INSTANCES_KEY), self.settings().lease);
        if silent.is_empty() || !Remedy::UnansweredFlush.applies() {
            return Ok(Vec::new());
        }
        let mut asked = 0;
        loop {
            let instances = transport.instances(&list).await;
            let instances = instances.map_err(NotSettled::down)?.unwrap_or_default();
            let before = |now: &Listed| silent.iter().find(|before| before.id == now.id);
            let is_renewed = |now: &&Listed| {
                instances.now < now.until && before(now).is_some_and(|old| old.until < now.until)
            };
            let came_back = |now: &Listed| before(now).is_some_and(|old| old.until < now.proven);
            let renewed: Vec<_> = instances.listed.iter().filter(is_renewed).collect();
            if asked == MOST_ASKED || renewed.iter().all(|now| came_back(now)) {
                return Ok(renewed.into_iter().cloned().collect());
            }
            asked += 1;
            self.driver().sleep(lease / ASKED_IN_LEASE).await;
        }
    }

    /// Whether an instance that is cut off may be live without being on the list: the list began less
    /// than a lease ago, an instance has said that it could not be listed, or this one may have missed
    /// that because it has not listened for long enough.
    fn may_be_unlisted(&self, instances: Option<&Instances>) -> bool {
        let (lease, now) = (self.settings().lease, self.now());
        let fences = self.fences();
        let is_new = |instances: &Instances| instances.age.is_none_or(|age| age < lease);
        instances.is_none_or(is_new) && Remedy::YoungList.applies()
            || fences.is_unlisted_within(lease * 2, now) && Remedy::Unlisted.applies()
            || !fences.is_proven_for(lease * 2, now) && Remedy::ListenedForLong.applies()
    }
}
