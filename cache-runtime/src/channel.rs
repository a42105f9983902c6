//! One channel of a bus: who listens, and how a payload reaches them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tokio::task::AbortHandle;
use tracing::{Level, debug, enabled, error};

use crate::event::InvalidationEvent;
use crate::handler::Delivery;
use crate::health::{Cause, Health, Reported};
use crate::inline::{Inline, Notice};
use crate::link::{Audience, ChannelId};
use crate::queue::Queue;
use crate::stats::{Counters, Stats};
use crate::transport::Boxed;

/// A list that is read far more often than it changes, and never while it is locked: subscribers
/// may subscribe, publish and unsubscribe from within.
pub(crate) struct Subscribers<T: ?Sized>(RwLock<Arc<[Arc<T>]>>);

impl<T: ?Sized> Subscribers<T> {
    fn new() -> Self {
        Self(RwLock::new(Arc::new([])))
    }

    pub(crate) fn snapshot(&self) -> Arc<[Arc<T>]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn add(&self, subscriber: Arc<T>) {
        let mut list = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *list = list.iter().cloned().chain([subscriber]).collect();
    }

    pub(crate) fn remove(&self, subscriber: &Arc<T>) {
        let mut list = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *list = list
            .iter()
            .filter(|other| !Arc::ptr_eq(other, subscriber))
            .cloned()
            .collect();
    }
}

/// Where a user handler's or a stream's events wait.
pub(crate) struct Outlet<E> {
    pub(crate) queue: Queue<Delivery<E>>,
    /// The task of an async handler.
    pub(crate) task: OnceLock<AbortHandle>,
}

impl<E> Outlet<E> {
    /// Nothing is taken from it any more, and an async handler ends at its next await.
    pub(crate) fn close(&self) {
        self.queue.close();
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// What empties a cache outside of this process, before an event leaves.
pub(crate) struct Hook<E> {
    pub(crate) cache: Arc<str>,
    /// Begins at once; the future tells how it ended, and may be dropped.
    pub(crate) empty: Empty<E>,
}

type Empty<E> = Box<dyn Fn(&E) -> Boxed<Result<(), Cause>> + Send + Sync>;

/// A channel with the type of its events.
pub(crate) struct Channel<E> {
    id: ChannelId,
    name: Arc<str>,
    pub(crate) inline: Subscribers<Inline<E>>,
    pub(crate) outlets: Subscribers<Outlet<E>>,
    pub(crate) hooks: Subscribers<Hook<E>>,
    pub(crate) health: Reported,
    pub(crate) counters: Counters,
    log_events: AtomicBool,
}

/// A channel as the supervisor sees it.
pub(crate) trait Dispatch: Any + Send + Sync {
    fn id(&self) -> ChannelId;
    fn name(&self) -> &Arc<str>;
    /// Decodes a payload and hands it on; `Err` with the reason if it cannot be understood.
    fn deliver(&self, payload: &[u8], max_payload: usize) -> Result<(), String>;
    /// Tells subscribers that everything may be stale.
    fn stale(&self, audience: Audience);
    fn health(&self) -> &Reported;
    /// Caches, inline subscribers, handlers and streams.
    fn subscribers(&self) -> usize;
    fn stats(&self) -> Stats;
    /// Ends every subscription.
    fn close(&self);
}

impl<E: InvalidationEvent> Channel<E> {
    pub(crate) fn new(id: ChannelId, name: Arc<str>) -> Self {
        Self {
            id,
            name,
            inline: Subscribers::new(),
            outlets: Subscribers::new(),
            hooks: Subscribers::new(),
            health: Reported::new(Health::Idle),
            counters: Counters::default(),
            log_events: AtomicBool::new(false),
        }
    }

    pub(crate) fn channel_name(&self) -> &Arc<str> {
        &self.name
    }

    /// One of the channel's services wants received events to be logged.
    pub(crate) fn log_events(&self) {
        self.log_events.store(true, Ordering::Relaxed);
    }

    /// Runs the inline subscribers on an event that is about to be published.
    pub(crate) fn apply_published(&self, event: &E) {
        self.tell_inline(|| Notice::Published(event));
    }

    fn tell_inline<'a>(&self, notice: impl Fn() -> Notice<'a, E>)
    where
        E: 'a,
    {
        for subscriber in self.inline.snapshot().iter() {
            subscriber.apply(notice(), self);
        }
    }

    pub(crate) fn panicked(&self, who: &str) {
        Counters::count(&self.counters.panics);
        error!(channel = %self.name, "{who} panicked; it is told that everything may be stale");
    }

    pub(crate) fn push(&self, outlet: &Outlet<E>, delivery: Delivery<E>) {
        if outlet.queue.push(delivery) {
            Counters::count(&self.counters.overflows);
        }
    }

    fn decode(payload: &[u8], max_payload: usize) -> Result<E, String> {
        // A field's `Deserialize` is the user's code.
        catch_unwind(AssertUnwindSafe(|| E::decode_within(payload, max_payload)))
            .map_err(|_| "the decoder panicked".to_owned())?
            .map_err(|rejection| rejection.to_string())
    }
}

impl<E: InvalidationEvent> Dispatch for Channel<E> {
    fn id(&self) -> ChannelId {
        self.id
    }

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn deliver(&self, payload: &[u8], max_payload: usize) -> Result<(), String> {
        let event = Self::decode(payload, max_payload).inspect_err(|_| {
            Counters::count(&self.counters.rejected);
        })?;
        Counters::count(&self.counters.received);
        let outlets = self.outlets.snapshot();
        if self.log_events.load(Ordering::Relaxed) && enabled!(Level::DEBUG) {
            // A field's `Serialize` is the user's code.
            let text = catch_unwind(AssertUnwindSafe(|| event.describe().to_string()));
            debug!(channel = %self.name, event = text.unwrap_or_default(), "event received");
        }
        self.tell_inline(|| Notice::Event(&event));
        let Some((last, others)) = outlets.split_last() else {
            return Ok(());
        };
        // Every handler owns its event. Decoding it again is cheaper than asking every event to
        // be `Clone`, and most channels have one handler.
        for outlet in others {
            let delivery = Self::decode(payload, max_payload).map_or(Delivery::Stale, |event| {
                Delivery::Event(event, payload.len())
            });
            self.push(outlet, delivery);
        }
        self.push(last, Delivery::Event(event, payload.len()));
        Ok(())
    }

    fn stale(&self, audience: Audience) {
        match audience {
            Audience::Inline => self.tell_inline(|| Notice::Lost),
            Audience::Everyone => self.tell_inline(|| Notice::Stale),
            Audience::Handlers => {}
        }
        if audience != Audience::Inline {
            Counters::count(&self.counters.flushes);
            for outlet in self.outlets.snapshot().iter() {
                self.push(outlet, Delivery::Stale);
            }
        }
    }

    fn health(&self) -> &Reported {
        &self.health
    }

    fn subscribers(&self) -> usize {
        self.inline.snapshot().len() + self.outlets.snapshot().len()
    }

    fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    fn close(&self) {
        self.health.set(&Health::Closed);
        for outlet in self.outlets.snapshot().iter() {
            outlet.close();
        }
    }
}
