//! What all handles of a bus share: its channels, its connections and the task that receives.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::settings::Settings;
use crate::channel::{Channel, Dispatch};
use crate::clock;
use crate::error::NotReady;
use crate::event::InvalidationEvent;
use crate::health::{Cause, Health, Reported};
use crate::lane::Lane;
use crate::link::ChannelId;
use crate::mailbox::{Mailbox, Signal, Wanted};
use crate::registry::Registration;
use crate::supervisor::{Start, Supervisor};
use crate::tasks::Tasks;
use crate::transport::{Backend, Transport};
use crate::weak_list::WeakList;

/// Longest time that [`Bus::close`](super::Bus::close) waits for the receiving task, and once more for the handlers.
const CLOSE_STEP: Duration = Duration::from_millis(90);

/// For audits.
static BUSES: WeakList<Inner> = WeakList::new();

/// What all handles of a bus share.
pub(crate) struct Inner {
    settings: Settings,
    /// Why the bus can carry nothing at all.
    conflict: Option<Cause>,
    transport: Transport,
    runtime: Mutex<Option<runtime::Handle>>,
    mailbox: Arc<Mailbox>,
    table: Mutex<Table>,
    health: Arc<Reported>,
    tasks: Tasks,
    closed: AtomicBool,
    start: Start,
    /// Until when canaries prove that events arrive, in nanoseconds since `start`.
    lease_until: Arc<AtomicU64>,
    /// Random, and new with every start: nobody takes another's canary for its own.
    id: u64,
}

/// The channels in use, and the task that serves them.
#[derive(Default)]
struct Table {
    channels: HashMap<Arc<str>, Arc<dyn Dispatch>>,
    /// Subscribers a channel.
    wanted: HashMap<ChannelId, usize>,
    supervisor: Option<JoinHandle<()>>,
}

impl Inner {
    pub(super) fn new(
        settings: Settings,
        conflict: Option<Cause>,
        transport: Transport,
    ) -> Arc<Self> {
        let health = match &conflict {
            Some(cause) => Health::Down(cause.clone()),
            None => Health::Idle,
        };
        // In this order no lease seems longer than it is.
        let kernel = clock::precise();
        let start = Start {
            at: Instant::now(),
            kernel,
        };
        let inner = Arc::new(Self {
            transport,
            mailbox: Arc::new(Lane::new(settings.mailbox())),
            settings,
            conflict,
            runtime: Mutex::new(runtime::Handle::try_current().ok()),
            table: Mutex::default(),
            health: Arc::new(Reported::new(health)),
            tasks: Tasks::new(),
            closed: AtomicBool::new(false),
            start,
            lease_until: Arc::default(),
            id: RandomState::new().hash_one(0),
        });
        BUSES.add(Arc::downgrade(&inner));
        inner
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
        lock(&self.table).channels.values().cloned().collect()
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

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn runtime(&self) -> runtime::Handle {
        lock(&self.runtime)
            .get_or_insert_with(runtime::Handle::current)
            .clone()
    }

    /// The channel of this name, made at its first use.
    pub(crate) fn channel<E: InvalidationEvent>(
        &self,
        registration: &Registration,
    ) -> Arc<Channel<E>> {
        let mut table = lock(&self.table);
        // 0 is the link's own.
        let id = ChannelId(u32::try_from(table.channels.len() + 1).unwrap_or(u32::MAX));
        let name: Arc<str> = self.settings.full_name(registration.channel()).into();
        let new = || Arc::new(Channel::<E>::new(id, Arc::clone(&name)));
        let channel = match table.channels.entry(Arc::clone(&name)) {
            Entry::Vacant(vacant) => {
                let channel = new();
                vacant.insert(Arc::clone(&channel) as _);
                channel
            }
            Entry::Occupied(occupied) => {
                let known: Arc<dyn Any + Send + Sync> = Arc::clone(occupied.get()) as _;
                // With another event it is a conflict, and this bus carries nothing.
                known.downcast().unwrap_or_else(|_| new())
            }
        };
        if registration.logging().events {
            channel.log_events();
        }
        channel
    }

    /// A subscriber more.
    pub(crate) fn want(self: &Arc<Self>, channel: Arc<dyn Dispatch>) {
        let mut table = lock(&self.table);
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
            self.transport.attach(&self.mailbox);
            let supervisor = Supervisor::new(
                &self.settings,
                self.id,
                self.start,
                Arc::clone(&self.mailbox),
                self.transport.clone(),
                Arc::clone(&self.health),
                Arc::clone(&self.lease_until),
            );
            table.supervisor = Some(self.runtime().spawn(supervisor.run()));
        }
        // Under the lock, so that the supervisor sees subscribers come and go in order.
        self.mailbox.push(Signal::Subscribe(channel, wanted));
    }

    /// A subscriber less.
    pub(crate) fn unwant(&self, channel: &dyn Dispatch) {
        let mut table = lock(&self.table);
        let Some(wanted) = table.wanted.get_mut(&channel.id()) else {
            return;
        };
        *wanted -= 1;
        if *wanted == 0 {
            table.wanted.remove(&channel.id());
            self.mailbox.push(Signal::Unsubscribe(channel.id()));
        }
    }

    pub(crate) async fn publish(&self, channel: &str, payload: Vec<u8>) -> Result<u64, Cause> {
        self.usable()?.publish(channel, payload).await
    }

    /// Where keys and values are.
    pub(crate) fn backend(&self) -> Result<Backend<'_>, Cause> {
        Ok(self.usable()?.backend())
    }

    fn usable(&self) -> Result<&Transport, Cause> {
        if let Some(cause) = &self.conflict {
            return Err(cause.clone());
        }
        if self.is_closed() {
            return Err(Cause::Closed);
        }
        Ok(&self.transport)
    }

    /// A health as it was last told, unless its lease has run out meanwhile: a process that stood
    /// still must not believe itself live.
    pub(crate) fn checked(&self, health: Health) -> Health {
        let now = u64::try_from(self.start.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if health.is_live() && now >= self.lease_until.load(Ordering::Acquire) {
            return Health::Down(Cause::LeaseExpired);
        }
        health
    }

    pub(crate) async fn ready(
        &self,
        health: &Reported,
        channel: Option<&dyn Dispatch>,
    ) -> Result<(), NotReady> {
        let settled = |health: &Health| match health {
            Health::Live => self.checked(health.clone()).is_live(),
            Health::Closed | Health::Idle => true,
            Health::Connecting => false,
            Health::Down(cause) => is_obstacle(cause),
        };
        // The sender outlives the wait, so it cannot fail.
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
            channel: channel.map(|c| Arc::clone(c.name())),
            cause,
        })
    }

    pub(super) async fn close(&self) {
        let supervisor = self.end();
        if let Some(mut supervisor) = supervisor
            && timeout(CLOSE_STEP, &mut supervisor).await.is_err()
        {
            supervisor.abort();
        }
        let _ = timeout(CLOSE_STEP, self.tasks.ended()).await;
    }

    /// Tells everybody that it is over, and whatever runs to end.
    fn end(&self) -> Option<JoinHandle<()>> {
        self.closed.store(true, Ordering::Release);
        let mut table = lock(&self.table);
        table.wanted.clear();
        self.mailbox.close();
        self.transport.close();
        for channel in table.channels.values() {
            channel.close();
        }
        self.health.set(&Health::Closed);
        table.supervisor.take()
    }
}

/// Whether a cause is there to be removed by somebody, rather than a loss that repairs itself.
fn is_obstacle(cause: &Cause) -> bool {
    match cause {
        Cause::Unreachable(_)
        | Cause::Timeout(_)
        | Cause::Credentials(_)
        | Cause::Refused(_)
        | Cause::Version(_)
        | Cause::Settings(_)
        | Cause::Conflict(_)
        | Cause::Server(_)
        | Cause::Stopped
        | Cause::Closed => true,
        Cause::Disconnected
        | Cause::LeaseExpired
        | Cause::Unsubscribed
        | Cause::Overflow
        | Cause::Rejected => false,
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(supervisor) = self.end() {
            supervisor.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
