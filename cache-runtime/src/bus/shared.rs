//! The state that all handles of a bus share: its channels, its connections and its supervisor.

use std::any::Any;
use std::collections::HashMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::{BoxFuture, join};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::ending::Ending;
use super::fences::{CanaryName, Fences};
use super::lease::Lease;
use super::links::Link;
use super::listening::Listening;
use super::table::{Combination, Table};
use crate::channel::{self, Channel, DeclaredChannel, Dispatch};
use crate::error::{NotReady, PublishError};
use crate::event::InvalidationEvent;
#[cfg(any(feature = "redis", simulation))]
use crate::health::Combined;
use crate::health::{Cause, Health, ProvenUntil, Reported};
use crate::io_thread::{self, timeout};
#[cfg(any(feature = "redis", simulation))]
use crate::link::{Audience, FlushCause};
use crate::outbox::{Outbox, Unsent};
use crate::random;
#[cfg(any(feature = "redis", simulation))]
use crate::settings::PubSub;
use crate::settings::Settings;
use crate::sync::Mutex;
#[cfg(feature = "redis")]
use crate::transport::redis::Cluster;
#[cfg(simulation)]
use crate::transport::simulated::Cluster;
use crate::transport::{Backend, Listing, Published, Servers};
use crate::weak_list::WeakList;

/// Longest time that [`Bus::close`](super::Bus::close) waits for the outbox and the supervisor, and then
/// again for the handlers.
pub(super) const CLOSE_STEP: Duration = Duration::from_millis(90);

/// Publishes the event that was encoded as a payload, or the channel's `All` for `None`, as its
/// service does.
pub(crate) type PublishPayload = dyn Fn(&Arc<Shared>, Option<Vec<u8>>) -> BoxFuture<'static, Result<(), PublishError>>
    + Send
    + Sync;

/// All buses of the process, for audits.
static BUSES: WeakList<Shared> = WeakList::new();

/// The state that all handles of a bus share.
pub(crate) struct Shared {
    settings: Settings,
    /// Two services that use one channel for different events. Then the bus carries no events.
    conflict: Option<Cause>,
    servers: Servers,
    pub(super) table: Mutex<Table>,
    health: Arc<Reported>,
    /// In a cluster, what `health` is made of.
    combined: Option<Combination>,
    /// The lease of every channel; `None` in a cluster, where each has its own.
    pub(super) proven: Option<Arc<ProvenUntil>>,
    outbox: Outbox,
    /// The handlers that run.
    handlers: TaskTracker,
    closed: AtomicBool,
    pub(super) ending: Ending,
    /// The lease of the only link; not used in a cluster.
    pub(super) lease: Arc<Lease>,
    fences: Arc<Fences>,
    /// Set when this bus first waits for other instances.
    pub(super) listening: OnceLock<Arc<Listening>>,
    /// Marked as changed after a commit of rows that a relay is to publish.
    committed: watch::Sender<()>,
    /// By the name on the wire, of the channels that have a service.
    pub(super) publishers: Mutex<HashMap<Arc<str>, Arc<PublishPayload>>>,
    /// Random and new with every start.
    id: u64,
}

impl Shared {
    pub(super) fn new(settings: Settings, conflict: Option<Cause>, servers: Servers) -> Arc<Self> {
        let conflict = conflict.or_else(|| io_thread::handle().err().map(Cause::Unreachable));
        let health = match &conflict {
            Some(cause) => Health::Down(cause.clone()),
            None => Health::Idle,
        };
        let (id, fences) = (random::number(), Arc::new(Fences::new()));
        let counters = Arc::default();
        let mut table = Table::new(Arc::clone(&fences), Arc::clone(&counters));
        let lease = Arc::new(Lease::new(&settings, counters));
        let (health, combined, proven) = match &servers {
            Servers::One(transport) => {
                let canary = CanaryName { id, slot: None };
                let link = Link::new(&settings, canary, transport.clone(), Arc::clone(&lease));
                // The health of the link is that of the bus.
                let reported = Arc::clone(&link.health);
                reported.set(&health);
                table.add(link);
                (reported, None, Some(lease.proven()))
            }
            #[cfg(any(feature = "redis", simulation))]
            Servers::Cluster(_) => {
                let live = match settings.pubsub {
                    PubSub::Sharded => Health::Live,
                    PubSub::Broadcast => Health::LiveAmongInstances,
                };
                let whole = Arc::new(Reported::new(health, Arc::default()));
                let combined = Combination {
                    links: Combined::new(Arc::clone(&whole), live),
                    unserved: Arc::new(Reported::new(Health::Idle, Arc::default())),
                };
                if conflict.is_none() {
                    combined.links.add(&combined.unserved);
                }
                table.combined = Some(combined.clone());
                (whole, Some(combined), None)
            }
        };
        let outbox = Outbox::new(&settings, servers.clone(), Arc::clone(&health));
        let shared = Arc::new(Self {
            outbox,
            servers,
            settings,
            conflict,
            table: Mutex::new(table),
            health,
            combined,
            proven,
            lease,
            fences,
            listening: OnceLock::new(),
            committed: watch::Sender::default(),
            publishers: Mutex::default(),
            handlers: TaskTracker::new(),
            closed: AtomicBool::new(false),
            ending: Ending::default(),
            id,
        });
        BUSES.add(Arc::downgrade(&shared));
        shared
    }

    pub(super) fn fences(&self) -> &Fences {
        &self.fences
    }

    /// The time on the clock of the lease.
    pub(super) fn now(&self) -> Duration {
        self.lease.now()
    }

    /// A name on the server, with the namespace.
    pub(super) fn full(&self, name: &str) -> String {
        self.settings.full_name(name)
    }

    /// Every bus of the process.
    pub(crate) fn all() -> Vec<Arc<Self>> {
        BUSES.living()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The channels that services were built for.
    pub(crate) fn channels(&self) -> Vec<Arc<dyn Dispatch>> {
        self.table.lock().channels.values().cloned().collect()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn servers(&self) -> &Servers {
        &self.servers
    }

    pub(crate) fn health(&self) -> &Reported {
        &self.health
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether events are proven to arrive now, in every channel that has subscribers here.
    pub(crate) fn is_live(&self) -> bool {
        self.checked(&self.health).is_live()
    }

    pub(crate) fn handlers(&self) -> &TaskTracker {
        &self.handlers
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The channel of a declared name. It is made when it is first used.
    pub(crate) fn channel<E: InvalidationEvent>(
        &self,
        declared: &DeclaredChannel,
    ) -> Arc<Channel<E>> {
        let mut table = self.table.lock();
        let id = table.next_id();
        let name: Arc<str> = self.settings.full_name(declared.channel()).into();
        let new = || {
            Arc::new(Channel::<E>::new(
                id,
                Arc::clone(&name),
                self.proven.clone().unwrap_or_default(),
                channel::on_rejected(declared.channel()),
            ))
        };
        let channel = match table.channels.entry(Arc::clone(&name)) {
            Entry::Vacant(vacant) => {
                let channel = new();
                vacant.insert(Arc::clone(&channel) as _);
                channel
            }
            Entry::Occupied(occupied) => {
                let known: Arc<dyn Any + Send + Sync> = Arc::clone(occupied.get()) as _;
                // Another service uses the channel for another event. That is a conflict, so this
                // bus carries no events.
                known.downcast().unwrap_or_else(|_| new())
            }
        };
        if declared.logging().events {
            channel.log_events();
        }
        channel
    }

    /// Counts one more subscriber. The first subscribes the channel.
    pub(crate) fn want(self: &Arc<Self>, channel: &Arc<dyn Dispatch>) {
        let mut table = self.table.lock();
        if self.is_closed() {
            return channel.health().set(&Health::Closed);
        }
        if self.conflict.is_some() {
            return channel.health().set(&self.health.get());
        }
        // Under the lock, so that subscriptions and unsubscriptions are queued in order.
        let carrier = self.servers.carrier(channel.name());
        table.want(&self.settings, channel, carrier.as_ref());
        #[cfg(any(feature = "redis", simulation))]
        if let Servers::Cluster(cluster) = &self.servers
            && table.mover.is_none()
        {
            let moving = move_channels(Arc::downgrade(self), Arc::clone(cluster));
            table.mover = io_thread::spawn(moving);
        }
    }

    /// Counts one fewer subscriber. The last unsubscribes the channel.
    pub(crate) fn unwant(&self, channel: &dyn Dispatch) {
        self.table.lock().unwant(channel);
    }

    /// Deletes keys and then publishes a payload.
    pub(crate) async fn publish(
        &self,
        channel: &str,
        payload: &[u8],
        delete: &[String],
    ) -> Result<Published, Cause> {
        self.usable()?.publish(channel, payload, delete).await
    }

    /// Asks the server that accepts publications whether it is the primary, also while the bus is live.
    pub(crate) async fn ask_primary(&self) -> Result<(), Cause> {
        // In a cluster, every publication asks its node.
        if self.is_cluster() {
            return Ok(());
        }
        self.usable()?.ask().await
    }

    /// Marked as changed after a commit of rows that a relay is to publish.
    pub(crate) fn committed(&self) -> &watch::Sender<()> {
        &self.committed
    }

    /// Waits until the bus is closed.
    pub(crate) async fn closed(&self) {
        let closed = |health: &Health| matches!(health, Health::Closed);
        drop(self.health.watch().wait_for(closed).await);
    }

    /// What tells the keys and values of one server from those of another.
    pub(crate) fn store(&self) -> String {
        self.servers.store()
    }

    /// Whether a cluster carries the bus.
    pub(crate) fn is_cluster(&self) -> bool {
        self.combined.is_some()
    }

    /// Where keys and values are.
    pub(crate) fn backend(&self) -> Result<Backend<'_>, Cause> {
        self.usable()?.backend()
    }

    pub(super) fn usable(&self) -> Result<&Servers, Cause> {
        if let Some(cause) = &self.conflict {
            return Err(cause.clone());
        }
        if self.is_closed() {
            return Err(Cause::Closed);
        }
        Ok(&self.servers)
    }

    /// Whether the server can be used now, for events and for keys.
    pub(super) async fn check(&self) -> Result<(), Cause> {
        let servers = self.usable()?;
        if self.is_live() && !servers.is_away() {
            return Ok(());
        }
        servers.ask().await
    }

    /// The reported health, unless its lease has ended since. A process that was stopped must not
    /// report itself as live.
    pub(crate) fn checked(&self, reported: &Reported) -> Health {
        let health = reported.get();
        if health.is_live() && !self.is_proven(reported) {
            return Health::Down(Cause::LeaseExpired);
        }
        health
    }

    /// Whether the lease of a channel or of the bus holds, if it is reported as live.
    fn is_proven(&self, reported: &Reported) -> bool {
        match &self.combined {
            Some(combined) if std::ptr::eq(reported, Arc::as_ptr(&self.health)) => {
                combined.links.is_proven()
            }
            _ => reported.lease().is_proven(),
        }
    }

    /// What is left of the lease, or of the one that ends first.
    #[cfg(any(feature = "metrics", feature = "otel"))]
    pub(super) fn lease_left(&self) -> Duration {
        match &self.combined {
            Some(combined) => combined.links.lease_left(),
            None => self.health.lease().left(),
        }
    }

    pub(crate) async fn ready(
        &self,
        reported: &Reported,
        channel: Option<&Arc<str>>,
    ) -> Result<(), NotReady> {
        let settled = |health: &Health| match health {
            Health::Live | Health::LiveAmongInstances => self.is_proven(reported),
            Health::Closed | Health::Idle => true,
            Health::Connecting => false,
            Health::Down(cause) => is_obstacle(cause),
        };
        // This cannot fail, because the sender outlives the wait.
        let health = match reported.watch().wait_for(settled).await {
            Ok(health) => health.clone(),
            Err(_) => Health::Closed,
        };
        let cause = match health {
            Health::Closed => Cause::Closed,
            Health::Down(cause) => cause,
            Health::Live | Health::LiveAmongInstances | Health::Idle | Health::Connecting => {
                return Ok(());
            }
        };
        Err(NotReady {
            channel: channel.cloned(),
            cause,
        })
    }

    /// Sends what is in the outbox until `limit` has passed.
    pub(super) async fn close(&self, limit: Duration) -> Unsent {
        self.end();
        let ended = async {
            let _turn = self.ending.turn().await;
            let was_live = !self.ending.is_over();
            let unlisted = async {
                // Only now, because it serves nothing any more. Nobody need wait for its lease.
                if let Servers::One(transport) = &self.servers
                    && was_live
                {
                    let listing = Listing::new(&self.settings, self.id);
                    let _ = timeout(CLOSE_STEP, transport.unlist(&listing)).await;
                }
            };
            let (ended, ()) = join(timeout(CLOSE_STEP, self.ending.over()), unlisted).await;
            if ended.is_err() {
                self.ending.abort();
            }
        };
        let ((), unsent) = join(Box::pin(ended), self.outbox.close(limit)).await;
        self.outbox.release();
        self.handlers.close();
        let _ = timeout(CLOSE_STEP, self.handlers.wait()).await;
        unsent
    }

    /// Closes every channel and link.
    fn end(&self) {
        self.closed.store(true, Ordering::Release);
        let mut table = self.table.lock();
        // Under the lock, so that whoever comes second waits for them.
        self.ending.add(table.close());
        if let Some(listening) = self.listening.get() {
            listening.close();
        }
        self.health.set(&Health::Closed);
        self.fences.wake();
    }

    /// Moves the channels whose slots have moved, and tells them that events may have been lost.
    #[cfg(any(feature = "redis", simulation))]
    fn move_all(&self, map: Result<(), Cause>) {
        let moved = {
            let mut table = self.table.lock();
            match map {
                _ if self.is_closed() => return,
                Ok(()) => table.move_all(&self.settings, |channel| self.servers.carrier(channel)),
                Err(cause) => {
                    table.explain_unserved(|_| cause.clone());
                    Vec::new()
                }
            }
        };
        for channel in moved {
            tracing::debug!(channel = %channel.name(), "flush: another node serves the channel");
            // Handlers too, because it may take the new link more than a lease to be live.
            channel.flush(Audience::Everyone, FlushCause::Moved);
        }
    }
}

/// In a cluster, keeps each channel on the node that serves its slot.
#[cfg(any(feature = "redis", simulation))]
async fn move_channels(bus: std::sync::Weak<Shared>, cluster: Arc<Cluster>) {
    loop {
        let map = cluster.refresh().await.map(drop);
        let Some(shared) = bus.upgrade() else { return };
        let (heartbeat, pause) = (shared.settings.heartbeat, shared.settings.backoff_min);
        shared.move_all(map);
        drop(shared);
        io_thread::sleep(pause).await;
        let _ = timeout(heartbeat, cluster.may_have_moved()).await;
    }
}

/// Whether an operator may have to remove the cause. The link recovers from the others by itself.
fn is_obstacle(cause: &Cause) -> bool {
    match cause {
        Cause::Unreachable(_)
        | Cause::Timeout(_)
        | Cause::Credentials(_)
        | Cause::Refused(_)
        | Cause::Version(_)
        | Cause::Settings(_)
        | Cause::NotPrimary(_)
        | Cause::Conflict(_)
        | Cause::Server(_)
        | Cause::Unserved(_)
        | Cause::Stopped
        | Cause::Closed => true,
        Cause::Disconnected
        | Cause::LeaseExpired
        | Cause::Unsubscribed
        | Cause::Overflow
        | Cause::AnotherServer
        | Cause::Replaced(_)
        | Cause::Moved(_)
        | Cause::MissingCanary
        | Cause::Unanswered
        | Cause::Oversized(_) => false,
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end();
        self.ending.abort();
        self.outbox.abandon(self.settings.next_attempt());
    }
}
