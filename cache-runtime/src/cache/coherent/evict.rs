//! What an event does to a coherent cache.

use std::hash::Hash;
use std::sync::{Arc, Weak};

use super::policy::WhileDown;
use super::shared::Shared;
use crate::audit::VariantCounts;
use crate::cache::evict::{Evict, evicting};
use crate::cache::memory::{Engine, Extent, Reclaiming, Reclaims};
use crate::channel::Notice;
use crate::counters::Cause;
use crate::event::InvalidationEvent;
use crate::remedy::Remedy;
use crate::service::{Invalidator, Subscription};

/// Subscribes a cache to a channel: `evict` says what each event evicts.
pub(super) fn subscribe<K, V, E>(
    cache: Weak<Shared<K, V>>,
    service: &Invalidator<E>,
    evict: impl Fn(&E) -> Evict<K> + Send + Sync + 'static,
    counts: Arc<VariantCounts>,
) -> Subscription
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: InvalidationEvent,
{
    let evict = evicting(evict);
    let apply = move |notice: Notice<'_, E>| {
        let Some(cache) = cache.upgrade() else { return };
        match notice {
            // It was counted when it was published.
            Notice::Echo(event) => cache.evict(&evict(event), Cause::Event),
            Notice::Event(event) | Notice::Published(event) => {
                let evict = evict(event);
                counts.record(event.variant(), !matches!(evict, Evict::Nothing));
                cache.evict(&evict, Cause::Event);
            }
            Notice::Flush | Notice::Down if !Remedy::FlushOfCaches.applies() => {}
            Notice::Flush => cache.evict(&Evict::All, Cause::Flush),
            Notice::Down if cache.policy == WhileDown::Bypass => {
                cache.evict(&Evict::All, Cause::Flush);
            }
            // With another policy the cache goes on. `Flush` follows before the channel is live
            // again.
            Notice::Down => {}
        }
    };
    Invalidator::attach(service, "cache", apply)
}

impl<K, V> Shared<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn evict(self: &Arc<Self>, evict: &Evict<K>, cause: Cause) {
        if self.engine.evict(evict, cause) == Extent::Everything {
            self.reclaiming.start(self);
        }
    }
}

impl<K, V> Reclaims for Shared<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Key = K;
    type Value = V;

    fn engine(&self) -> (&Engine<K, V>, &Reclaiming) {
        (&self.engine, &self.reclaiming)
    }
}
