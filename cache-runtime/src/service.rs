//! What an annotated service can do: publish its events and subscribe to them.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tracing::info;

use crate::bus::{Bus, Inner};
use crate::channel::{Channel, Hook, Outlet};
use crate::error::{NotReady, PublishError};
use crate::event::InvalidationEvent;
use crate::handler::{HandlerOutput, Seat};
use crate::health::Health;
use crate::inline::{Inline, Notice};
use crate::lane::Lane;
use crate::liveness::Liveness;
use crate::publish::{EventMethods, Publisher, Receipt};
use crate::registry::Registration;
use crate::stats::Stats;
use crate::subscription::{Events, HookSeat, OutletSeat, Subscription};
use crate::wire::EventSchema;

/// A service of one channel, as `#[cache_invalidation]` writes it.
///
/// Everything a service offers it offers without an import, because it dereferences to its
/// [`Invalidator`]. The trait is for code that is generic over services.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cache invalidation service",
    note = "put `#[cache_invalidation(channel = \"..\", event = ..)]` above `struct {Self}`"
)]
pub trait Service: Send + Sync {
    /// The events of the channel.
    type Event: InvalidationEvent;

    /// The channel, without the namespace of a bus.
    const CHANNEL: &'static str;

    /// What publishes and subscribes.
    fn invalidator(&self) -> &Invalidator<Self::Event>;
}

/// Publishes and subscribes to the events of one channel on one bus.
///
/// Every annotated service dereferences to one. It dereferences in turn to the event's own
/// `invalidate_…` methods.
pub struct Invalidator<E: InvalidationEvent> {
    methods: E::Methods,
}

/// What an [`Invalidator`] and its guards share.
pub(crate) struct Core<E: InvalidationEvent> {
    pub(crate) bus: Arc<Inner>,
    pub(crate) channel: Arc<Channel<E>>,
    pub(crate) registration: &'static Registration,
}

impl<E: InvalidationEvent> Core<E> {
    /// One more subscriber wants the channel's events.
    pub(crate) fn want(&self) {
        self.bus.want(Arc::clone(&self.channel) as _);
    }

    /// One fewer does.
    pub(crate) fn unwant(&self) {
        self.bus.unwant(&*self.channel);
    }
}

impl<E: InvalidationEvent> Invalidator<E> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(bus: &Bus, registration: &'static Registration) -> Self {
        let inner = bus.inner();
        let channel = inner.channel::<E>(registration);
        let core = Arc::new(Core {
            bus: Arc::clone(inner),
            channel,
            registration,
        });
        Self {
            methods: E::Methods::new(Publisher { core }),
        }
    }

    fn core(&self) -> &Arc<Core<E>> {
        &self.methods.publisher().core
    }

    /// Publishes an event to every instance.
    ///
    /// This instance's inline subscribers see it before it leaves, so that it reads its own writes
    /// even when the server is away. Its handlers get it through the bus, like everybody else's. What
    /// it evicts from this instance's [`RedisCache`](crate::RedisCache)s is deleted in Redis first.
    ///
    /// # Errors
    ///
    /// When the event cannot be encoded or is too large, the server is away, refuses it or does
    /// not answer in time, or the bus is closed; or when the event has left, and a cache in Redis
    /// could not be emptied. The error names the channel, the cause, and the cache.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, the event may or may not have left.
    pub async fn publish(&self, event: &E) -> Result<Receipt, PublishError> {
        self.methods.publisher().send(event).await
    }

    /// Calls `handler` with every event of the channel, on a queue of its own, until the returned
    /// guard is dropped or the bus is closed.
    ///
    /// A handler is a closure of one event that returns nothing, or a future of nothing. A sync
    /// handler runs on a thread of its own and may block; an async one runs as a task and may not.
    /// Events come in the order in which the server has them, one at a time.
    ///
    /// The handler receives the event's `All`:
    /// - when the channel gets live, if it was not live before: what was published meanwhile has
    ///   been missed (over Redis, that is so once after the first subscription);
    /// - when the channel has not been live for longer than the lease;
    /// - when a message could not be understood;
    /// - when its own queue was full, or it panicked.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, if the bus was built outside of one too.
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
    #[must_use = "dropping the guard unsubscribes at once"]
    pub fn subscribe<H, R, Mode>(&self, handler: H) -> Subscription
    where
        H: FnMut(E) -> R + Send + 'static,
        R: HandlerOutput<Mode>,
    {
        let core = self.core();
        let outlet = self.outlet();
        let seat = Seat {
            channel: Arc::clone(&core.channel),
            outlet: Arc::clone(&outlet),
            runtime: core.bus.runtime(),
            _running: core.bus.tasks().start(),
        };
        let guard = OutletSeat::new(core, Arc::clone(&outlet));
        if let Some(task) = R::start(handler, seat) {
            // It is set once, here.
            let _ = outlet.task.set(task);
        }
        self.log_subscribed("handler");
        Subscription::handler(guard)
    }

    /// The events of the channel as a stream; what is said of handlers holds for it too.
    ///
    /// # Panics
    ///
    /// As [`subscribe`](Self::subscribe).
    pub fn events(&self) -> Events<E> {
        let guard = OutletSeat::new(self.core(), self.outlet());
        self.log_subscribed("stream");
        Events::new(guard)
    }

    /// Calls `subscriber` with every event of the channel, in the order of the server, before any
    /// handler gets it; and with every event that this instance publishes, before it leaves.
    ///
    /// For caches: whoever reads after a publish or after an event has been received must not find
    /// what it evicts. It is called from the task that receives every channel's events, and from
    /// publishers, possibly at the same time, so it must be quick and must not block.
    ///
    /// It receives the event's `All` at once when events may have been lost, and again just before
    /// the channel is live, so that nothing stays that was stored in between.
    ///
    /// # Panics
    ///
    /// As [`subscribe`](Self::subscribe).
    #[must_use = "dropping the guard unsubscribes at once"]
    pub fn subscribe_inline(
        &self,
        subscriber: impl Fn(&E) + Send + Sync + 'static,
    ) -> Subscription {
        let subscriber = move |notice: Notice<'_, E>| match notice {
            Notice::Event(event) | Notice::Published(event) => subscriber(event),
            Notice::Stale | Notice::Lost => subscriber(&E::all()),
        };
        Self::attach(self, "inline subscriber", subscriber)
    }

    /// Subscribes a cache. Not a method, which would hide one of the event's of that name.
    pub(crate) fn attach(
        this: &Self,
        what: &str,
        cache: impl Fn(Notice<'_, E>) + Send + Sync + 'static,
    ) -> Subscription {
        let subscription = Subscription::inline(this.core(), Inline::new(cache));
        this.log_subscribed(what);
        subscription
    }

    /// Has a cache outside of this process emptied before an event leaves.
    pub(crate) fn hook(this: &Self, hook: Hook<E>) -> HookSeat<E> {
        HookSeat::new(this.core(), hook)
    }

    /// Whether the channel's events are proven to arrive now.
    #[must_use]
    pub fn health(&self) -> Health {
        let core = self.core();
        core.bus.checked(core.channel.health.get())
    }

    /// The channel's health as it changes. A lease that runs out shows here a moment later than in
    /// [`health`](Self::health), which looks at the clock.
    #[must_use]
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.core().channel.health.watch()
    }

    /// The runtime of the bus.
    pub(crate) fn runtime(this: &Self) -> runtime::Handle {
        this.core().bus.runtime()
    }

    /// How long a canary proves that events arrive.
    pub(crate) fn lease(this: &Self) -> Duration {
        this.core().bus.settings().lease
    }

    /// What a cache looks at to know whether the channel is live.
    pub(crate) fn liveness(this: &Self) -> Arc<Liveness> {
        Arc::clone(this.core().channel.health.liveness())
    }

    /// What audits ask of a channel.
    pub(crate) fn core_of(this: &Self) -> Arc<Core<E>> {
        Arc::clone(this.core())
    }

    /// Waits until the channel is live. Returns at once where nothing is subscribed.
    ///
    /// # Errors
    ///
    /// When something stands in the way that waiting may not remove: the server cannot be reached,
    /// does not answer, or does not accept the credentials or the channel; or the bus is closed, or
    /// two services use one channel for different events. Where it can, the bus keeps trying, so
    /// `ready` may be called again.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let core = self.core();
        core.bus
            .ready(&core.channel.health, Some(&*core.channel))
            .await
    }

    /// What has happened in the channel on this instance.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core().channel.counters.snapshot()
    }

    /// The channel, with the namespace of the bus.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.core().channel.channel_name()
    }

    /// The shape of the events.
    #[must_use]
    pub fn schema(&self) -> &'static EventSchema {
        E::SCHEMA
    }

    fn outlet(&self) -> Arc<Outlet<E>> {
        let core = self.core();
        Arc::new(Outlet {
            lane: Lane::new(core.bus.settings().queue),
            task: OnceLock::new(),
        })
    }

    fn log_subscribed(&self, what: &str) {
        let core = self.core();
        if core.registration.logging().subscription {
            info!(channel = %core.channel.channel_name(), service = core.registration.service(), "{what} subscribed");
        }
    }
}

impl<E: InvalidationEvent> Clone for Invalidator<E> {
    fn clone(&self) -> Self {
        Self {
            methods: E::Methods::new(self.methods.publisher().clone()),
        }
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

/// The [`Invalidator`] within a service.
///
/// It does not name the event, so that a service is a complete type even where its event lacks the
/// derive: the one error then is the one that says so.
#[doc(hidden)]
#[derive(Clone)]
pub struct Handle {
    invalidator: Arc<dyn Any + Send + Sync>,
    registration: &'static Registration,
}

impl Handle {
    #[doc(hidden)]
    #[must_use]
    pub fn new<E: InvalidationEvent>(bus: &Bus, registration: &'static Registration) -> Self {
        Self {
            invalidator: Arc::new(Invalidator::<E>::new(bus, registration)),
            registration,
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn get<E: InvalidationEvent>(&self) -> &Invalidator<E> {
        let invalidator = self.invalidator.downcast_ref();
        invalidator.expect("a service has one event")
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalidator")
            .field("channel", &self.registration.channel())
            .field("event", &self.registration.schema().name())
            .finish_non_exhaustive()
    }
}
