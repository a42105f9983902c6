//! A channel of a bus: its subscribers, and how a payload reaches them.

mod echoes;
pub(crate) mod handler;
mod hook;
mod inline;
mod outlet;
mod registration;
mod stats;
mod subscribers;
#[cfg(feature = "doctor")]
mod tail;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Level, debug, enabled, warn};

use crate::barrier::{Barrier, Raised};
use crate::counters::count;
use crate::event::InvalidationEvent;
use crate::health::{Health, ProvenUntil, Reported};
use crate::link::{Audience, ChannelId, FlushCause};
use crate::log_throttle::LogThrottle;
use crate::remedy::Remedy;
use crate::settings::OnRejected;
use echoes::{Echo, Echoes};
pub(crate) use hook::{Deletion, Hook};
pub(crate) use inline::{Inline, Notice};
pub(crate) use outlet::{Delivery, Outlet};
pub use registration::{DeclaredChannel, Logging, channels, check_channel};
pub(crate) use registration::{conflict, on_rejected};
pub use stats::ChannelStats;
pub(crate) use stats::Counters;
use subscribers::Subscribers;
#[cfg(feature = "doctor")]
pub(crate) use tail::{Sound, Tail};

/// A channel whose events are of type `E`.
pub(crate) struct Channel<E> {
    id: ChannelId,
    name: Arc<str>,
    pub(crate) inline: Subscribers<Inline<E>>,
    pub(crate) outlets: Subscribers<Outlet<E>>,
    pub(crate) hooks: Subscribers<Hook<E>>,
    echoes: Echoes<E>,
    pub(crate) barrier: Arc<Barrier>,
    pub(crate) health: Reported,
    pub(crate) counters: Arc<Counters>,
    log_events: AtomicBool,
    rejections: LogThrottle,
    panics: LogThrottle,
    on_rejected: Option<OnRejected>,
}

/// A channel with events of any type.
pub(crate) trait Dispatch: Any + Send + Sync {
    fn id(&self) -> ChannelId;
    /// The name on the wire, with the namespace.
    fn name(&self) -> &Arc<str>;
    /// Decodes a payload and hands the event to every subscriber; `false` if the payload is
    /// rejected.
    fn deliver(&self, payload: &[u8], max_payload: usize) -> bool;
    /// What follows when a message is rejected; `None` if that is up to the bus.
    fn on_rejected(&self) -> Option<OnRejected>;
    /// Tells subscribers that events may have been lost.
    fn flush(&self, audience: Audience, cause: FlushCause);
    fn health(&self) -> &Reported;
    /// How many caches, inline subscribers, handlers and streams there are.
    fn subscribers(&self) -> usize;
    fn counters(&self) -> &Counters;
    fn stats(&self) -> ChannelStats {
        self.counters().snapshot()
    }
    /// The payload of the event that says that everything is stale.
    fn all(&self) -> Vec<u8>;
    /// Sets the health to closed, and closes the queues of handlers and streams.
    fn close(&self);
    /// Asks each handler to tell when all that is queued now is handled. An error says that it is unknown.
    #[cfg(feature = "testing")]
    fn handlers(&self) -> Vec<tokio::sync::oneshot::Receiver<()>> {
        Vec::new()
    }
}

impl<E: InvalidationEvent> Channel<E> {
    pub(crate) fn new(
        id: ChannelId,
        name: Arc<str>,
        proven: Arc<ProvenUntil>,
        on_rejected: Option<OnRejected>,
    ) -> Self {
        Self {
            id,
            name,
            inline: Subscribers::new(),
            outlets: Subscribers::new(),
            hooks: Subscribers::new(),
            echoes: Echoes::new(),
            barrier: Arc::new(Barrier::new()),
            health: Reported::new(Health::Idle, proven),
            counters: Arc::default(),
            log_events: AtomicBool::new(false),
            rejections: LogThrottle::default(),
            panics: LogThrottle::default(),
            on_rejected,
        }
    }

    /// Logs received events from now on.
    pub(crate) fn log_events(&self) {
        self.log_events.store(true, Ordering::Relaxed);
    }

    /// Calls the hooks and the inline subscribers with an event that is about to be published.
    /// Returns what is to be deleted in Redis.
    pub(crate) fn apply_published(
        &self,
        event: &E,
        hooks: &[Arc<Hook<E>>],
    ) -> Vec<Box<dyn Deletion>> {
        // Raised before the hooks: what they delete in Redis, a cache there could store again with
        // what it loads from a cache that has not evicted yet.
        let raised = self.barrier.raise();
        // The hooks come before the event evicts from this instance's memory. Otherwise a load
        // could put the old value from Redis back into memory.
        let deletions = hooks.iter().filter_map(|hook| (hook.evict)(event));
        let deletions = deletions.collect();
        if Remedy::LocalEviction.applies() {
            self.tell(&raised, || Notice::Published(event));
        }
        deletions
    }

    /// Expects a payload to come back after it is published, unless the channel is not live.
    pub(crate) fn expect_echo<'a>(
        &'a self,
        payload: &[u8],
        hooks: &'a Arc<[Arc<Hook<E>>]>,
    ) -> Echo<'a, E> {
        if self.health.get().is_live() {
            self.echoes.expect(payload, hooks)
        } else {
            Echo::none(&self.echoes, hooks)
        }
    }

    fn tell_inline<'a>(&self, notice: impl Fn() -> Notice<'a, E>)
    where
        E: 'a,
    {
        self.tell(&self.barrier.raise(), notice);
    }

    /// Tells the inline subscribers. Who subscribes meanwhile may not be told, and finds the barrier
    /// raised: it was raised before the subscribers are listed.
    fn tell<'a>(&self, raised: &Raised<'_>, notice: impl Fn() -> Notice<'a, E>)
    where
        E: 'a,
    {
        for subscriber in &*self.inline.snapshot() {
            subscriber.apply(notice(), || {
                (self.counters).panicked(&self.name, "inline subscriber", &self.panics);
            });
            raised.step();
        }
    }

    /// Counts and logs a rejected message. The log is throttled, so that a publisher cannot flood
    /// it.
    pub(crate) fn rejected(&self, reason: &str) {
        count(&self.counters.rejected);
        if let Some(skipped) = self.rejections.admit() {
            warn!(channel = %self.name, reason, skipped, "message rejected");
        }
    }

    fn push(&self, outlet: &Outlet<E>, delivery: Delivery<E>) {
        if outlet.queue.push(delivery) {
            count(&self.counters.overflows);
        }
    }

    pub(crate) fn decode(payload: &[u8], max_payload: usize) -> Result<E, String> {
        // A field's `Deserialize` is user code, which may panic.
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

    fn deliver(&self, payload: &[u8], max_payload: usize) -> bool {
        let event = match Self::decode(payload, max_payload) {
            Ok(event) => event,
            Err(reason) => {
                self.rejected(&reason);
                return false;
            }
        };
        count(&self.counters.received);
        let outlets = self.outlets.snapshot();
        if self.log_events.load(Ordering::Relaxed) && enabled!(Level::DEBUG) {
            // A field's `Serialize` is user code, which may panic.
            let text = catch_unwind(AssertUnwindSafe(|| event.describe().to_string()));
            debug!(channel = %self.name, event = text.unwrap_or_default(), "event received");
        }
        if self.echoes.take(payload, || self.hooks.snapshot()) {
            self.tell_inline(|| Notice::Echo(&event));
        } else {
            self.tell_inline(|| Notice::Event(&event));
        }
        let Some((last, others)) = outlets.split_last() else {
            return true;
        };
        // Each handler or stream needs an event of its own. Decoding again for further ones is
        // rare, and works for events that are not `Clone`.
        for outlet in others {
            let delivery = Self::decode(payload, max_payload).map_or(Delivery::Flush, |event| {
                Delivery::Event(event, payload.len())
            });
            self.push(outlet, delivery);
        }
        self.push(last, Delivery::Event(event, payload.len()));
        true
    }

    fn on_rejected(&self) -> Option<OnRejected> {
        self.on_rejected
    }

    fn flush(&self, audience: Audience, cause: FlushCause) {
        self.echoes.clear();
        match audience {
            // A rejected message: nothing follows that would evict what it was meant to. After a loss, the
            // health is told before the flush.
            Audience::Inline if self.health.get().is_live() => self.tell_inline(|| Notice::Flush),
            Audience::Inline => self.tell_inline(|| Notice::Down),
            Audience::Everyone => self.tell_inline(|| Notice::Flush),
            Audience::Handlers => {}
        }
        if audience != Audience::Inline {
            self.counters.flushed(cause);
            if Remedy::FlushOfHandlers.applies() {
                for outlet in self.outlets.snapshot().iter() {
                    self.push(outlet, Delivery::Flush);
                }
            }
        }
    }

    fn health(&self) -> &Reported {
        &self.health
    }

    fn subscribers(&self) -> usize {
        self.inline.snapshot().len() + self.outlets.snapshot().len()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn all(&self) -> Vec<u8> {
        // It has no fields that could not be written. An empty payload would be rejected, and would
        // evict everything too.
        E::all().encode().unwrap_or_default()
    }

    fn close(&self) {
        self.health.set(&Health::Closed);
        for outlet in self.outlets.snapshot().iter() {
            outlet.close();
        }
    }

    #[cfg(feature = "testing")]
    fn handlers(&self) -> Vec<tokio::sync::oneshot::Receiver<()>> {
        let outlets = self.outlets.snapshot();
        outlets.iter().filter_map(|it| it.ask_handler()).collect()
    }
}
