//! What an event does to a cache in Redis.
//!
//! A publisher evicts from its own memory, and deletes in Redis in the same round trip in which it
//! sends the event. A receiver deletes as well, because not every publisher deletes in Redis. Reads
//! of an entry wait for the deletions that cover it.

use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::batch::Batch;
use super::deletions::{Begun, Deletions};
use super::entry::{Cached, Loaded};
use super::policy::OnFlush;
use super::redis_key::Evicted;
use super::shared::{Coherence, Shared};
use crate::barrier::Barriers;
use crate::cache::coherent::proof::Proof;
use crate::cache::evict::Evict;
use crate::cache::memory::{Engine, Extent, Reclaiming, Reclaims};
use crate::cache::predicate::EntryPredicate;
use crate::channel::{Deletion, Hook, Notice};
use crate::counters::{self, count};
use crate::event::InvalidationEvent;
use crate::health::Cause;
use crate::io_thread;
use crate::service::Invalidator;
use crate::sync::Mutex;

/// Subscribes a cache to a channel, for as long as the returned guards live.
type Subscribe<V> = Box<dyn FnOnce(&Arc<Shared<V>>) -> [Box<dyn Send + Sync>; 2]>;

/// Every `evict_on` of a cache that is not built yet.
pub(super) struct Sources<V> {
    proofs: Vec<Proof>,
    barriers: Barriers,
    subscribe: Vec<Subscribe<V>>,
}

impl<V: Clone + Send + Sync + 'static> Sources<V> {
    pub(super) fn add<E: InvalidationEvent>(
        &mut self,
        service: &Invalidator<E>,
        evict: impl Fn(&E) -> Evicted + Send + Sync + 'static,
    ) {
        let proof = Proof::new(service);
        let barrier = Invalidator::barrier(service);
        let counts = proof.source().counts();
        let service = service.clone();
        let subscribe = move |cache: &Arc<Shared<V>>| {
            let evict = Arc::new(evict);
            let channel = Invalidator::channel(&service).to_owned();
            let hook = Hook {
                evict: {
                    let (cache, evict) = (Arc::downgrade(cache), Arc::clone(&evict));
                    Box::new(move |event: &E| begin_deletion(&cache, event, &*evict))
                },
            };
            let cache = Arc::downgrade(cache);
            let apply = move |notice: Notice<'_, E>| {
                let Some(cache) = cache.upgrade() else {
                    return;
                };
                // The publisher deletes in Redis. Its event was counted when it was published.
                let (event, in_redis, news) = match notice {
                    Notice::Event(event) => (event, true, true),
                    Notice::Published(event) => (event, false, true),
                    Notice::Echo(event) => (event, false, false),
                    Notice::Flush | Notice::Down => return cache.flush(),
                };
                match catch_unwind(AssertUnwindSafe(|| evict(event))) {
                    Ok(Evicted { evict, is_widened }) => {
                        if news && is_widened {
                            cache.warn_of_predicate(&channel);
                        }
                        let evicts = !matches!(evict, Evict::Nothing);
                        if news {
                            counts.record(event.variant(), evicts);
                        }
                        if news && evicts {
                            count(&cache.counters.evicting_events);
                        }
                        cache.evict(&evict, in_redis);
                    }
                    Err(panic) => {
                        cache.evict(&Evict::All, true);
                        resume_unwind(panic);
                    }
                }
            };
            [
                Box::new(Invalidator::hook(&service, hook)) as _,
                Box::new(Invalidator::attach(&service, "cache", apply)) as _,
            ]
        };
        self.proofs.push(proof);
        self.barriers.add(barrier);
        self.subscribe.push(Box::new(subscribe));
    }

    fn longest_lease(&self) -> Duration {
        let longest = self.proofs.iter().map(Proof::lease_time).max();
        longest.unwrap_or_default()
    }

    /// The barriers of all channels.
    pub(super) fn barriers(&mut self) -> Barriers {
        std::mem::take(&mut self.barriers)
    }

    /// `patience` is the longest wait for deletions. Where entries are `grouped`, their groups are
    /// their tags.
    pub(super) fn coherence(&mut self, patience: Duration, grouped: bool) -> Option<Coherence> {
        (!self.proofs.is_empty()).then(|| Coherence {
            // Another server is noticed within a lease.
            deletions: Deletions::new(self.longest_lease(), grouped),
            proofs: std::mem::take(&mut self.proofs).into(),
            patience,
            subscriptions: Mutex::default(),
        })
    }

    /// Subscribes the cache, and returns the task that deletes in Redis.
    pub(super) fn subscribe(self, cache: &Arc<Shared<V>>) -> Option<AbortOnDropHandle<()>> {
        let coherence = cache.coherence.as_ref()?;
        let worker = io_thread::spawn(cache.delete_in_background(&coherence.deletions));
        let subscriptions = self.subscribe.into_iter();
        *coherence.subscriptions.lock() = subscriptions
            .flat_map(|subscribe| subscribe(cache))
            .collect();
        worker.map(AbortOnDropHandle::new)
    }
}

impl<V> Default for Sources<V> {
    fn default() -> Self {
        Self {
            proofs: Vec::new(),
            barriers: Barriers::default(),
            subscribe: Vec::new(),
        }
    }
}

/// The deletion that an event asks for.
fn begin_deletion<V: Clone + Send + Sync + 'static, E>(
    cache: &Weak<Shared<V>>,
    event: &E,
    evict: &impl Fn(&E) -> Evicted,
) -> Option<Box<dyn Deletion>> {
    // After a panic it is not known what to evict, so everything is. The call that applies the
    // event reports the panic.
    let evict = catch_unwind(AssertUnwindSafe(|| evict(event).evict)).unwrap_or(Evict::All);
    let cache = cache.upgrade()?;
    let deletions = &cache.coherence.as_ref()?.deletions;
    let look = |batch: &Batch| batch.in_redis(&cache.keys);
    let (begun, keys) = deletions.begin(&evict, look)?;
    Some(Box::new(ByPublisher { cache, begun, keys }))
}

/// A deletion that the publisher of an event carries out.
struct ByPublisher<V> {
    cache: Arc<Shared<V>>,
    begun: Begun,
    keys: Vec<String>,
}

impl<V: Clone + Send + Sync + 'static> Deletion for ByPublisher<V> {
    fn cache(&self) -> &Arc<str> {
        &self.cache.name
    }

    fn bus(&self) -> u64 {
        self.cache.keyspace.bus_id()
    }

    fn keys(&self) -> &[String] {
        &self.keys
    }

    fn carry_out(&self) -> BoxFuture<'_, Result<(), Cause>> {
        Box::pin(self.cache.keys.evict(&self.cache.keyspace, &self.keys))
    }

    fn finish(self: Box<Self>, result: &Result<(), Cause>) {
        self.cache.record_deletion(result);
        self.begun.finish(result);
    }
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// Queues a deletion in Redis.
    fn delete(&self, evict: &Evict<String>) {
        if let Some(Coherence { deletions, .. }) = &self.coherence {
            deletions.submit(evict);
        }
    }

    fn record_deletion(&self, result: &Result<(), Cause>) {
        self.breaker.record(result);
        if let Err(cause) = result {
            count(&self.counters.redis_errors);
            if let Some(skipped) = self.logs.deletions.admit() {
                warn!(
                    cache = %self.name, %cause, skipped,
                    "entries that an event evicts could not be deleted in Redis; trying again"
                );
            }
        }
    }

    fn evict(self: &Arc<Self>, evict: &Evict<String>, in_redis: bool) {
        // Redis before memory: a read that no longer finds the entry in memory must not find it in
        // Redis.
        if in_redis {
            self.delete(evict);
        }
        self.evict_memory(evict, counters::Cause::Event);
    }

    /// Evicts everything that may be stale after events may have been lost.
    fn flush(self: &Arc<Self>) {
        if self.options.on_flush == OnFlush::EvictRedis {
            self.delete(&Evict::All);
        } else if let Some(Coherence { deletions, .. }) = &self.coherence {
            deletions.repeat();
        }
        self.evict_memory(&Evict::All, counters::Cause::Flush);
    }

    fn evict_memory(self: &Arc<Self>, evict: &Evict<String>, cause: counters::Cause) {
        let extent = match evict {
            Evict::MatchingEntry(predicate) => self.evict_by_value(predicate, cause),
            _ => self.engine.evict(evict, cause),
        };
        if self.options.memory.is_some() && extent == Extent::Everything {
            self.reclaiming.start(self);
        }
    }

    /// Evicts by a predicate over the values themselves. It cannot be asked about an entry that says
    /// that there is no value, nor about a load on its way.
    fn evict_by_value(&self, predicate: &EntryPredicate<String>, cause: counters::Cause) -> Extent {
        let Some(accepts) = predicate.over::<V>() else {
            (self.engine).warn_of_value(predicate.value(), type_name::<V>());
            return self.engine.evict(&Evict::All, cause);
        };
        let stale = |key: &String, cached: Option<&Cached<V>>| match cached {
            Some(Cached {
                loaded: Loaded::Present(value),
                ..
            }) => accepts(key, value),
            _ => true,
        };
        self.engine.remove_matching(stale, cause);
        Extent::Some
    }

    /// An event has asked memory about keys of which it has only the texts. In Redis everything is
    /// evicted by a predicate in any case.
    fn warn_of_predicate(&self, channel: &str) {
        if self.options.memory.is_some()
            && let Some(skipped) = self.logs.predicates.admit()
        {
            warn!(
                cache = %self.name, channel, skipped,
                "an eviction by predicate is about keys of which the cache has only the texts; \
                 everything was evicted, also from memory"
            );
        }
    }

    /// The task that carries out the deletions.
    fn delete_in_background(
        self: &Arc<Self>,
        deletions: &Arc<Deletions>,
    ) -> impl Future<Output = ()> + Send + use<V> {
        let shared = Arc::downgrade(self);
        let record = move |result: &Result<(), Cause>| {
            if let Some(shared) = shared.upgrade() {
                shared.record_deletion(result);
            }
        };
        let keys = Arc::clone(&self.keys);
        Arc::clone(deletions).work(self.keyspace.clone(), keys, record)
    }
}

impl<V> Shared<V> {
    pub(super) fn unsubscribe(&self) {
        if let Some(coherence) = &self.coherence {
            // Dropped after the lock is released.
            let subscriptions = std::mem::take(&mut *coherence.subscriptions.lock());
            drop(subscriptions);
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Reclaims for Shared<V> {
    type Key = String;
    type Value = Cached<V>;

    fn engine(&self) -> (&Engine<String, Cached<V>>, &Reclaiming) {
        (&self.engine, &self.reclaiming)
    }
}
