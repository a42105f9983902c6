//! One channel of a bus: who listens, and how a payload reaches them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tokio::task::AbortHandle;
use tracing::{Level, debug, enabled, error};

use crate::event::InvalidationEvent;
use crate::handler::Delivery;
use crate::health::{Health, Reported};
use crate::inline::Inline;
use crate::lane::Lane;
use crate::link::{Audience, ChannelId};
use crate::stats::Counters;

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
    pub(crate) lane: Lane<Delivery<E>>,
    /// The task of an async handler.
    pub(crate) task: OnceLock<AbortHandle>,
}

impl<E> Outlet<E> {
    /// Nothing is taken from it any more, and an async handler ends at its next await.
    pub(crate) fn close(&self) {
        self.lane.close();
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// A channel with the type of its events.
pub(crate) struct Channel<E> {
    id: ChannelId,
    name: Arc<str>,
    pub(crate) inline: Subscribers<Inline<E>>,
    pub(crate) outlets: Subscribers<Outlet<E>>,
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

    /// Runs the inline subscribers.
    pub(crate) fn apply_inline(&self, event: &E) {
        for subscriber in self.inline.snapshot().iter() {
            subscriber.apply(event, self);
        }
    }

    pub(crate) fn panicked(&self, who: &str) {
        Counters::count(&self.counters.panics);
        error!(channel = %self.name, "{who} panicked; it is told that everything may be stale");
    }

    pub(crate) fn push(&self, outlet: &Outlet<E>, delivery: Delivery<E>) {
        if outlet.lane.push(delivery) {
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
        self.apply_inline(&event);
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
        if audience != Audience::Handlers {
            self.apply_inline(&E::all());
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

    fn close(&self) {
        self.health.set(Health::Closed);
        for outlet in self.outlets.snapshot().iter() {
            outlet.close();
        }
    }
}
