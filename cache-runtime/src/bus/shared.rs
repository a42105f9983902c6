//! The state that all handles of a bus share: its channels, its connections and its supervisor.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::fences::Fences;
use super::inbox::{EVERY_GENERATION, Inbox, Signal, Wanted};
use super::lease::Lease;
use super::listening::Listening;
use super::supervisor::Supervisor;
use crate::channel::{self, Channel, DeclaredChannel, Dispatch};
use crate::error::NotReady;
use crate::event::InvalidationEvent;
use crate::health::{Cause, Health, Reported};
use crate::io_thread::{self, timeout};
use crate::link::ChannelId;
use crate::queue::Queue;
use crate::random;
use crate::settings::Settings;
use crate::sync::Mutex;
use crate::transport::{Backend, Listing, Published, Transport};
use crate::weak_list::WeakList;

/// Longest time that [`Bus::close`](super::Bus::close) waits for the supervisor, and then again for
/// the handlers.
const CLOSE_STEP: Duration = Duration::from_millis(90);

/// All buses of the process, for audits.
static BUSES: WeakList<Shared> = WeakList::new();

/// The state that all handles of a bus share.
pub(crate) struct Shared {
    settings: Settings,
    /// Two services that use one channel for different events. Then the bus carries no events.
    conflict: Option<Cause>,
    transport: Transport,
    inbox: Arc<Inbox>,
    table: Mutex<Table>,
    health: Arc<Reported>,
    /// The handlers that run.
    handlers: TaskTracker,
    closed: AtomicBool,
    lease: Arc<Lease>,
    fences: Arc<Fences>,
    /// Set when this bus first waits for other instances.
    listening: OnceLock<Arc<Listening>>,
    /// Random and new with every start, so that canaries of others are not taken for its own.
    id: u64,
}

/// The channels in use, and the task that serves them.
#[derive(Default)]
struct Table {
    channels: HashMap<Arc<str>, Arc<dyn Dispatch>>,
    /// How many subscribers each channel has.
    wanted: HashMap<ChannelId, usize>,
    supervisor: Option<JoinHandle<()>>,
}

impl Shared {
    pub(super) fn new(
        settings: Settings,
        conflict: Option<Cause>,
        transport: Transport,
    ) -> Arc<Self> {
        let conflict = conflict.or_else(|| io_thread::handle().err().map(Cause::Unreachable));
        let health = match &conflict {
            Some(cause) => Health::Down(cause.clone()),
            None => Health::Idle,
        };
        let lease = Arc::new(Lease::new(settings.lease));
        let shared = Arc::new(Self {
            transport,
            inbox: Arc::new(Queue::new(settings.inbox())),
            settings,
            conflict,
            table: Mutex::default(),
            health: Arc::new(Reported::new(health, lease.proven())),
            lease,
            fences: Arc::new(Fences::new()),
            listening: OnceLock::new(),
            handlers: TaskTracker::new(),
            closed: AtomicBool::new(false),
            id: random::number(),
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

    /// Keeps the connection for events open from now on. Returns the health to wait for.
    pub(super) fn listen(self: &Arc<Self>) -> &Reported {
        let listening = self.listening.get_or_init(|| {
            let listening = Arc::new(Listening::new(&self.settings, self.lease.proven()));
            self.want(Arc::clone(&listening) as _);
            listening
        });
        listening.health()
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

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn health(&self) -> &Reported {
        &self.health
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
        let first = (Listening::ID.0 + 1) as usize;
        let id = ChannelId(u32::try_from(table.channels.len() + first).unwrap_or(u32::MAX));
        let name: Arc<str> = self.settings.full_name(declared.channel()).into();
        let new = || {
            Arc::new(Channel::<E>::new(
                id,
                Arc::clone(&name),
                self.lease.proven(),
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
    pub(crate) fn want(self: &Arc<Self>, channel: Arc<dyn Dispatch>) {
        let mut table = self.table.lock();
        if self.is_closed() {
            return channel.health().set(&Health::Closed);
        }
        if self.conflict.is_some() {
            return channel.health().set(&self.health.get());
        }
        let wanted = table.wanted.entry(channel.id()).or_default();
        *wanted += 1;
        if *wanted > 1 {
            return;
        }
        let wanted = Wanted {
            channel: channel.health().want(),
            bus: self.health.want(),
        };
        if table.supervisor.is_none() {
            let inbox = Arc::clone(&self.inbox);
            self.transport.attach(Arc::new(move |wire| {
                inbox.push(Signal::Wire(EVERY_GENERATION, wire));
            }));
            let supervisor = Supervisor::new(
                &self.settings,
                self.id,
                Arc::clone(&self.lease),
                Arc::clone(&self.fences),
                Arc::clone(&self.inbox),
                self.transport.clone(),
                Arc::clone(&self.health),
            );
            table.supervisor = io_thread::spawn(supervisor.run());
        }
        // Under the lock, so that subscriptions and unsubscriptions are queued in order.
        self.inbox.push(Signal::Subscribe(channel, wanted));
    }

    /// Counts one fewer subscriber. The last unsubscribes the channel.
    pub(crate) fn unwant(&self, channel: &dyn Dispatch) {
        let mut table = self.table.lock();
        let Some(wanted) = table.wanted.get_mut(&channel.id()) else {
            return;
        };
        *wanted -= 1;
        if *wanted == 0 {
            table.wanted.remove(&channel.id());
            self.inbox.push(Signal::Unsubscribe(channel.id()));
        }
    }

    /// Deletes keys and then publishes a payload.
    pub(crate) async fn publish(
        &self,
        channel: &str,
        payload: Vec<u8>,
        delete: &[String],
    ) -> Result<Published, Cause> {
        self.usable()?.publish(channel, payload, delete).await
    }

    /// What tells the keys and values of one server from those of another.
    pub(crate) fn store(&self) -> String {
        self.transport.store()
    }

    /// Where keys and values are.
    pub(crate) fn backend(&self) -> Result<Backend<'_>, Cause> {
        Ok(self.usable()?.backend())
    }

    pub(super) fn usable(&self) -> Result<&Transport, Cause> {
        if let Some(cause) = &self.conflict {
            return Err(cause.clone());
        }
        if self.is_closed() {
            return Err(Cause::Closed);
        }
        Ok(&self.transport)
    }

    /// Whether the server can be used now, for events and for keys.
    pub(super) async fn check(&self) -> Result<(), Cause> {
        let transport = self.usable()?;
        if self.checked(self.health.get()).is_live() && !transport.is_away() {
            return Ok(());
        }
        transport.ask().await
    }

    /// The reported health, unless its lease has ended since. A process that was stopped must not
    /// report itself as live.
    pub(crate) fn checked(&self, health: Health) -> Health {
        if health.is_live() && !self.lease.holds() {
            return Health::Down(Cause::LeaseExpired);
        }
        health
    }

    pub(crate) async fn ready(
        &self,
        health: &Reported,
        channel: Option<&Arc<str>>,
    ) -> Result<(), NotReady> {
        let settled = |health: &Health| match health {
            Health::Live => self.checked(health.clone()).is_live(),
            Health::Closed | Health::Idle => true,
            Health::Connecting => false,
            Health::Down(cause) => is_obstacle(cause),
        };
        // This cannot fail, because the sender outlives the wait.
        let health = match health.watch().wait_for(settled).await {
            Ok(health) => health.clone(),
            Err(_) => Health::Closed,
        };
        let cause = match health {
            Health::Closed => Cause::Closed,
            Health::Down(cause) => cause,
            Health::Live | Health::Idle | Health::Connecting => return Ok(()),
        };
        Err(NotReady {
            channel: channel.cloned(),
            cause,
        })
    }

    pub(super) async fn close(&self) {
        let supervisor = self.end();
        let was_live = supervisor.is_some();
        let ended = async {
            if let Some(mut supervisor) = supervisor
                && timeout(CLOSE_STEP, &mut supervisor).await.is_err()
            {
                supervisor.abort();
            }
        };
        let unlisted = async {
            // Only now, because it serves nothing any more. Nobody need wait for its lease.
            if was_live {
                let listing = Listing::new(&self.settings, self.id);
                let _ = timeout(CLOSE_STEP, self.transport.unlist(&listing)).await;
            }
        };
        join(ended, unlisted).await;
        self.transport.close();
        self.handlers.close();
        let _ = timeout(CLOSE_STEP, self.handlers.wait()).await;
    }

    /// Closes every channel and the inbox. Returns the supervisor, which is ending.
    fn end(&self) -> Option<JoinHandle<()>> {
        self.closed.store(true, Ordering::Release);
        let mut table = self.table.lock();
        table.wanted.clear();
        self.inbox.close();
        for channel in table.channels.values() {
            channel.close();
        }
        if let Some(listening) = self.listening.get() {
            listening.close();
        }
        self.health.set(&Health::Closed);
        self.fences.wake();
        table.supervisor.take()
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
        | Cause::Stopped
        | Cause::Closed => true,
        Cause::Disconnected
        | Cause::LeaseExpired
        | Cause::Unsubscribed
        | Cause::Overflow
        | Cause::AnotherServer
        | Cause::Replaced(_)
        | Cause::MissingCanary
        | Cause::Unanswered
        | Cause::Oversized(_) => false,
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(supervisor) = self.end() {
            supervisor.abort();
        }
        self.transport.close();
    }
}
