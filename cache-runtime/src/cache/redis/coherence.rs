//! How events evict from a cache in Redis.
//!
//! Whoever publishes queues the deletion in Redis, evicts from his own memory, waits for the
//! deletion, and lets the event go. Whoever receives an event does the same, except for the waiting:
//! not every publisher deletes in Redis. Reads of what is queued wait for it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime;
use tokio::task::AbortHandle;
use tracing::warn;

use super::entry::Cached;
use super::inner::{Coherence, Inner};
use super::settings::AfterLoss;
use super::stats::count;
use crate::cache::Evict;
use crate::cache::coherent::proof::Proof;
use crate::cache::memory::Engine;
use crate::cache::memory::{Reclaiming, Reclaims};
use crate::channel::Hook;
use crate::channel::Notice;
use crate::event::InvalidationEvent;
use crate::service::Invalidator;

/// What keeps a cache subscribed.
pub(super) type Seats = Vec<Box<dyn Send + Sync>>;

/// Subscribes a cache.
type Subscribe<V> = Box<dyn FnOnce(&Weak<Inner<V>>) -> Seats>;

/// One `evict_on`: how its channel is proven, and how to subscribe once there is a cache.
pub(super) struct Evicting<V> {
    pub(super) proof: Proof,
    pub(super) subscribe: Subscribe<V>,
}

pub(super) fn evicting<V, E>(
    service: &Invalidator<E>,
    evict: impl Fn(&E) -> Evict<String> + Send + Sync + 'static,
) -> Evicting<V>
where
    V: Clone + Send + Sync + 'static,
    E: InvalidationEvent,
{
    let proof = Proof::new(service);
    let counts = proof.source().counts();
    let evict = Arc::new(evict);
    let hooked = Arc::clone(&evict);
    let channel = service.clone();
    let subscribe = move |cache: &Weak<Inner<V>>| {
        let Some(name) = cache.upgrade().map(|cache| Arc::clone(&cache.name)) else {
            return Seats::new();
        };
        let (caught, weak) = (cache.clone(), cache.clone());
        let hook = Hook {
            cache: name,
            evict: Box::new(move |event: &E| {
                let evict = catch_unwind(AssertUnwindSafe(|| hooked(event)));
                // What it was to evict is not known, and its panic is told of below.
                let evict = evict.unwrap_or(Evict::All);
                let deletion = weak.upgrade().and_then(|cache| cache.delete(&evict));
                Box::pin(async move {
                    match deletion {
                        Some((pending, number)) => pending.tried(number).await,
                        None => Ok(()),
                    }
                })
            }),
        };
        let apply = move |notice: Notice<'_, E>| {
            let Some(cache) = caught.upgrade() else {
                return;
            };
            let (event, received) = match notice {
                Notice::Event(event) => (event, true),
                // The hook has queued the deletion.
                Notice::Published(event) => (event, false),
                Notice::Flush | Notice::Down => return cache.lost(),
            };
            match catch_unwind(AssertUnwindSafe(|| evict(event))) {
                Ok(evict) => {
                    counts.record(event.variant(), !matches!(evict, Evict::Nothing));
                    cache.evict(&evict, received);
                }
                Err(panic) => {
                    cache.evict(&Evict::All, true);
                    resume_unwind(panic);
                }
            }
        };
        vec![
            Box::new(Invalidator::hook(&channel, hook)) as _,
            Box::new(Invalidator::attach(&channel, "cache", apply)) as _,
        ]
    };
    Evicting {
        proof,
        subscribe: Box::new(subscribe),
    }
}

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    /// Queues a deletion in Redis.
    fn delete(&self, evict: &Evict<String>) -> Option<(Arc<super::pending::Pending>, u64)> {
        let Coherence { pending, .. } = self.coherence.as_ref()?;
        let number = pending.submit(evict)?;
        Some((Arc::clone(pending), number))
    }

    fn evict(self: &Arc<Self>, evict: &Evict<String>, in_redis: bool) {
        if matches!(evict, Evict::Nothing) {
            return;
        }
        count(&self.counters.evictions);
        // First: who finds nothing in memory any more is not to find it in Redis.
        if in_redis {
            self.delete(evict);
        }
        self.evict_memory(evict);
    }

    /// Events may have been lost.
    fn lost(self: &Arc<Self>) {
        if self.settings.after_loss == AfterLoss::EvictRedis {
            self.delete(&Evict::All);
        }
        self.evict_memory(&Evict::All);
    }

    fn evict_memory(self: &Arc<Self>, evict: &Evict<String>) {
        self.engine.evict(evict);
        if self.settings.memory.is_some() && matches!(evict, Evict::All) {
            self.reclaiming
                .start(|| self.background.runtime().clone(), self);
        }
    }

    /// The task that deletes in Redis what events evict.
    pub(super) fn delete_in_background(
        self: &Arc<Self>,
        runtime: &runtime::Handle,
    ) -> Option<AbortHandle> {
        let Coherence { pending, .. } = self.coherence.as_ref()?;
        let inner = Arc::downgrade(self);
        let heard = move |result: &Result<(), _>| {
            let Some(inner) = inner.upgrade() else { return };
            inner.away.heard(result);
            if let Err(cause) = result {
                count(&inner.counters.redis_errors);
                if let Some(skipped) = inner.logs.deletions.admit() {
                    warn!(
                        cache = %inner.name, %cause, skipped,
                        "entries that an event evicts could not be deleted in Redis; trying again"
                    );
                }
            }
        };
        let work = Arc::clone(pending).work(self.kv.clone(), Arc::clone(&self.keys), heard);
        Some(runtime.spawn(work).abort_handle())
    }
}

impl<V> Inner<V> {
    pub(super) fn subscribe(&self, seats: Seats) {
        if let Some(coherence) = &self.coherence {
            *lock(&coherence.subscriptions) = seats;
        }
    }

    pub(super) fn unsubscribe(&self) {
        if let Some(coherence) = &self.coherence {
            let seats = std::mem::take(&mut *lock(&coherence.subscriptions));
            drop(seats);
        }
    }
}

fn lock(seats: &Mutex<Seats>) -> MutexGuard<'_, Seats> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<V: Clone + Send + Sync + 'static> Reclaims for Inner<V> {
    type Key = String;
    type Value = Cached<V>;

    fn engine(&self) -> (&Engine<String, Cached<V>>, &Reclaiming) {
        (&self.engine, &self.reclaiming)
    }
}
