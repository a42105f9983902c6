//! Publishing to a channel, and subscribing to it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tracing::info;

use super::change::Change;
use super::core::Core;
use super::payload;
use super::sending::Keeper;
use super::subscription::{Events, HookGuard, OutletGuard, Subscription};
#[cfg(feature = "testing")]
use super::tap::Tap;
use crate::barrier::Barrier;
use crate::bus::Bus;
use crate::channel::handler::{HandlerContext, HandlerOutput};
use crate::channel::{ChannelStats, DeclaredChannel, Dispatch, Hook, Inline, Notice, Outlet};
#[cfg(feature = "testing")]
use crate::driver::Driver;
use crate::error::{NotReady, PublishAllError, PublishError};
use crate::event::{EventMethods, InvalidationEvent, Publisher, Publishing, Receipt, Settler};
use crate::health::{Health, Lease};
use crate::log_throttle::LogThrottle;
use crate::wire::EventSchema;

/// Publishes and subscribes to the events of one channel on one bus.
///
/// Every annotated service dereferences to an `Invalidator`, which in turn dereferences to the
/// event's `invalidate_…` methods.
pub struct Invalidator<E: InvalidationEvent> {
    core: Arc<Core<E>>,
    methods: E::Methods,
}

impl<E: InvalidationEvent> Invalidator<E> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(bus: &Bus, declared: &'static DeclaredChannel) -> Self {
        let bus = bus.shared();
        let channel = bus.channel::<E>(declared);
        bus.set_publisher(channel.name(), payload::publisher(&channel, declared));
        Self::of(Arc::new(Core {
            bus: Arc::clone(bus),
            channel,
            declared,
        }))
    }

    fn of(core: Arc<Core<E>>) -> Self {
        let publisher = Publisher::new(Arc::clone(&core) as _);
        Self {
            core,
            methods: E::Methods::new(publisher),
        }
    }

    /// Publishes an event to every instance.
    ///
    /// The entries that the event evicts from this instance's [`RedisCache`](crate::RedisCache)s
    /// are deleted in Redis just before the event is published, in the same round trip. If such a
    /// cache is on another bus, the event is sent once that bus has deleted, or has failed to. This
    /// instance's inline subscribers receive it before it is published too, so that the instance
    /// reads its own writes even when the server cannot be reached. Its handlers receive the event
    /// through the bus, as on every instance.
    ///
    /// # Errors
    ///
    /// - The event is [deferred](PublishError::is_deferred): the server cannot be reached, does not
    ///   answer in time, or cannot serve now. The bus keeps the event in its
    ///   [outbox](crate::bus::BusBuilder::outbox) and sends it as soon as possible.
    /// - The event is [refused](PublishError::is_refused), and will not be sent: it cannot be
    ///   encoded or is too large; the server's access rules forbid it; the bus is closed; two services
    ///   use one channel for different events; or the outbox is off.
    /// - The event was published, but a cache in Redis could not evict.
    ///
    /// The error names the channel, the cause and the cache.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped after its first poll, the outbox sends the event, which may have been
    /// published already. Its evictions on this instance and in Redis take place too, in Redis as long
    /// as the cache lives.
    ///
    /// If the first of two publications fails, `?` between them skips the second, which then evicts
    /// nothing, not even here. Publish events of one service with
    /// [`publish_all`](Self::publish_all). Await events of several services together, such as with
    /// `tokio::join!`, and look at the results afterwards.
    pub async fn publish(&self, event: &E) -> Result<Receipt, PublishError> {
        self.core.send(event, Keeper::Outbox).await
    }

    /// Publishes several events to every instance: what one change makes stale.
    ///
    /// All of them evict on this instance before the first is sent, and all are sent, even if some
    /// fail. On success there is one receipt for each event, in the order of the events.
    ///
    /// # Errors
    ///
    /// When at least one event fails as with [`publish`](Self::publish). The error says which.
    ///
    /// # Cancel safety
    ///
    /// As for [`publish`](Self::publish): after the first poll, all events evict on this instance and
    /// in Redis, and the outbox sends those that may not have been published.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
    /// # #[derive(InvalidationEvent)]
    /// # enum UserEvent { User { user_id: u64 }, All }
    /// # #[cache_invalidation(channel = "cache:merged-users", event = UserEvent)]
    /// # struct Users;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let users = Users::new(&Bus::in_process());
    /// // Two accounts were merged into one.
    /// let merged = [1, 2].map(|user_id| UserEvent::User { user_id });
    /// users.publish_all(merged).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish_all(
        &self,
        events: impl IntoIterator<Item = E>,
    ) -> Publishing<'_, Vec<Receipt>, PublishAllError> {
        let events: Vec<E> = events.into_iter().collect();
        let publishing = async move { self.core.send_all(&events).await };
        Publishing::new(publishing, Settler::Of(&*self.core))
    }

    /// Takes an event before the transaction that makes it true, to publish it after the commit.
    ///
    /// Nothing is evicted or published yet. An event that is published before the commit is of no use:
    /// other instances load the old value again. With the returned [`Change`] it is not forgotten
    /// either: it is sent even if the code between the commit and the publication returns early or
    /// panics.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use std::time::Duration;
    ///
    /// use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
    ///
    /// #[derive(InvalidationEvent)]
    /// enum UserEvent {
    ///     User { user_id: u64 },
    ///     All,
    /// }
    ///
    /// #[cache_invalidation(channel = "cache:renamed-users", event = UserEvent)]
    /// struct Users;
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let database = Mutex::new("Ada"); // in production, a table
    ///     let name = || async { *database.lock().unwrap() };
    ///
    ///     // two instances: in production, `Bus::redis("redis://127.0.0.1").connect().await?` in each
    ///     let here = Bus::in_process();
    ///     let there = here.another_instance();
    ///     let names = CoherentCache::<u64, &str>::builder("names", Duration::from_secs(600))
    ///         .evict_on(&Users::new(&there), |event| match event {
    ///             UserEvent::User { user_id } => Evict::key(*user_id),
    ///             UserEvent::All => Evict::All,
    ///         })
    ///         .build()?;
    ///     there.ready().await?;
    ///     assert_eq!(names.get_or_load(&7, name).await, "Ada");
    ///
    ///     let change = Users::new(&here).begin_change(UserEvent::User { user_id: 7 });
    ///     // A transaction. If this fails with `?`, the event is sent all the same, because it is unknown
    ///     // whether it has committed.
    ///     *database.lock().unwrap() = "Grace";
    ///     // With `.await` alone, the other instance may take a moment to evict.
    ///     change.committed().confirmed().await?;
    ///     assert_eq!(names.get_or_load(&7, name).await, "Grace");
    ///     Ok(())
    /// }
    /// ```
    pub fn begin_change(&self, event: E) -> Change<E> {
        Change::new(&self.core, event)
    }

    /// Calls `handler` with every event of the channel, until the returned guard is dropped or the
    /// bus is closed.
    ///
    /// A handler is a closure of one event that returns nothing, or a future of nothing. A sync
    /// handler runs on its own thread and may block. An async handler runs as a task and must not
    /// block. Each handler has its own queue, and receives events one at a time, in the order of
    /// the server.
    ///
    /// The handler receives the event's `All`:
    /// - when the channel becomes live again, because events may have been missed before (over
    ///   Redis also when it becomes live for the first time);
    /// - when the channel was down for longer than the lease;
    /// - when messages were rejected: at once for the first, and then at most once per
    ///   [`rejection_interval`](crate::bus::BusBuilder::rejection_interval);
    /// - when its queue was full;
    /// - when it panicked: at once, and after more panics when the same interval has ended, in place
    ///   of what was queued meanwhile.
    ///
    /// # Panics
    ///
    /// If the handler is async and this is called outside of a Tokio runtime. The handler runs on
    /// the runtime that this is called in.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
    /// # #[derive(InvalidationEvent)]
    /// # enum UserEvent { User { user_id: u64 }, All }
    /// # #[cache_invalidation(channel = "cache:users", event = UserEvent)]
    /// # struct Users;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let bus = Bus::in_process();
    /// # let users = Users::new(&bus);
    /// let sync = users.subscribe(|event| match event {
    ///     UserEvent::User { user_id } => println!("user {user_id} has changed"),
    ///     UserEvent::All => println!("anything may have changed"),
    /// });
    /// let task = users.subscribe(|_event| async { /* await something */ });
    /// # }
    /// ```
    #[track_caller]
    #[must_use = "dropping the guard unsubscribes at once; keep it, or call `detach`"]
    pub fn subscribe<H, R, Mode>(&self, handler: H) -> Subscription
    where
        H: FnMut(E) -> R + Send + 'static,
        R: HandlerOutput<Mode>,
    {
        let core = &self.core;
        let outlet = self.outlet();
        #[cfg(feature = "testing")]
        outlet.set_handler();
        let context = HandlerContext {
            channel: Arc::clone(core.name()),
            counters: Arc::clone(&core.channel.counters),
            outlet: Arc::clone(&outlet),
            interval: core.bus.settings().rejection_interval,
            panics: LogThrottle::default(),
            runtime: runtime::Handle::try_current().ok(),
            _running: core.bus.handlers().token(),
        };
        let guard = OutletGuard::new(core, Arc::clone(&outlet));
        if let Some(task) = R::start(handler, context) {
            // Cannot fail, because it is set only here.
            let _ = outlet.task.set(task);
        }
        self.log_subscribed("handler");
        Subscription::handler(guard)
    }

    /// The events of the channel as a stream, which yields what a handler would receive.
    pub fn events(&self) -> Events<E> {
        let guard = OutletGuard::new(&self.core, self.outlet());
        self.log_subscribed("stream");
        Events::new(guard)
    }

    /// Calls `subscriber` with every event of the channel, before any handler receives it.
    ///
    /// Received events come in the order of the server. An event that this instance publishes comes
    /// before it is published, and again when it is received.
    ///
    /// This is for caches: a read after an event was published or received must not find an entry
    /// that the event evicts. The thread that does the I/O of all buses of the process calls
    /// `subscriber`, and so do publishers, possibly at the same time. So it must be quick and must
    /// not block: meanwhile no bus receives events, and none of their timeouts fires. Tasks that it
    /// spawns with `tokio::spawn` run on the runtime of that thread or of the publisher.
    /// While the caches and inline subscribers of a channel are called, the caches store no load
    /// that begins, because it may read what has not been evicted yet.
    ///
    /// It receives the event's `All` at once when events may have been lost. It receives `All`
    /// again just before the channel is live, so that no entry remains that was stored in between.
    /// For each rejected message, it receives `All` at once, unless the bus ignores them.
    #[must_use = "dropping the guard unsubscribes at once; keep it, or call `detach`"]
    pub fn subscribe_inline(
        &self,
        subscriber: impl Fn(&E) + Send + Sync + 'static,
    ) -> Subscription {
        let subscriber = move |notice: Notice<'_, E>| match notice {
            Notice::Event(event) | Notice::Echo(event) | Notice::Published(event) => {
                subscriber(event);
            }
            Notice::Flush | Notice::Down => subscriber(&E::all()),
        };
        Self::attach(self, "inline subscriber", subscriber)
    }

    /// Subscribes a cache. It is no method, because a method would hide a generated method of its
    /// name.
    pub(crate) fn attach(
        this: &Self,
        what: &str,
        cache: impl Fn(Notice<'_, E>) + Send + Sync + 'static,
    ) -> Subscription {
        let subscription = Subscription::inline(&this.core, Inline::new(cache));
        this.log_subscribed(what);
        subscription
    }

    /// Lets a cache in Redis take part in every publication.
    pub(crate) fn hook(this: &Self, hook: Hook<E>) -> HookGuard<E> {
        HookGuard::new(&this.core, hook)
    }

    /// Whether the channel's events are proven to arrive now.
    #[must_use]
    pub fn health(&self) -> Health {
        self.core.health()
    }

    /// The channel's health as it changes. It shows the end of a lease a moment later than
    /// [`health`](Self::health), which reads the clock.
    #[must_use]
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.core.channel.health.watch()
    }

    /// The lease of the bus: how long a canary proves that events arrive.
    pub(crate) fn lease_time(this: &Self) -> Duration {
        this.core.bus.settings().lease
    }

    /// Takes what is published on the channel from now on.
    #[cfg(feature = "testing")]
    pub(crate) fn tap(this: &Self) -> Arc<Tap> {
        Tap::new(this.core.bus.store(), this.core.name())
    }

    /// What drives the bus.
    #[cfg(feature = "testing")]
    pub(crate) fn driver(this: &Self) -> &Driver {
        this.core.bus.driver()
    }

    /// The channel's lease: until when events are proven to arrive.
    pub(crate) fn lease(this: &Self) -> Arc<Lease> {
        Arc::clone(this.core.channel.health.lease())
    }

    /// The barrier of the channel, for the caches that it evicts from.
    pub(crate) fn barrier(this: &Self) -> Arc<Barrier> {
        Arc::clone(&this.core.channel.barrier)
    }

    /// The bus and the channel, for audits.
    pub(crate) fn core_of(this: &Self) -> Arc<Core<E>> {
        Arc::clone(&this.core)
    }

    /// Waits until the channel is live. Returns at once if it has no subscribers.
    ///
    /// # Errors
    ///
    /// When waiting may not help: the server cannot be reached, does not answer, answers with an
    /// error, is too old, or does not accept the credentials or the channel; the task that receives
    /// events has ended; the bus is closed; or two services use one channel for different events.
    /// Where possible the bus keeps trying, so `ready` may be called again.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let core = &self.core;
        core.bus
            .ready(&core.channel.health, Some(core.name()))
            .await
    }

    /// Counts of what has happened in the channel on this instance.
    #[must_use]
    pub fn stats(&self) -> ChannelStats {
        self.core.channel.counters.snapshot()
    }

    /// The channel, with the namespace of the bus.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.core.name()
    }

    /// The shape of the events.
    #[must_use]
    pub fn schema(&self) -> &'static EventSchema {
        E::SCHEMA
    }

    fn outlet(&self) -> Arc<Outlet<E>> {
        Arc::new(Outlet::new(self.core.bus.settings().queue))
    }

    fn log_subscribed(&self, subscriber: &str) {
        let declared = self.core.declared;
        if declared.logging().subscription {
            info!(channel = %self.channel(), service = declared.service(), "{subscriber} subscribed");
        }
    }
}

impl<E: InvalidationEvent> Clone for Invalidator<E> {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.core))
    }
}

impl<E: InvalidationEvent> Deref for Invalidator<E> {
    type Target = E::Methods;

    fn deref(&self) -> &E::Methods {
        &self.methods
    }
}

impl<E: InvalidationEvent> fmt::Debug for Invalidator<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalidator")
            .field("channel", &self.channel())
            .field("event", &E::SCHEMA.name())
            .finish_non_exhaustive()
    }
}
