//! What a cache keeps of an `evict_on`, for audits: the channel, and what its events have evicted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::channel::ChannelStats;
use crate::counters::count;
use crate::event::InvalidationEvent;
use crate::health::Health;
use crate::service::{Core, Invalidator};
use crate::wire::EventSchema;

/// How often each event was applied to a cache, and how often it evicted nothing.
pub(crate) struct VariantCounts(Box<[Count]>);

#[derive(Default)]
struct Count {
    applied: AtomicU64,
    idle: AtomicU64,
}

impl VariantCounts {
    pub(crate) fn new(schema: &EventSchema) -> Self {
        let counts = schema.variants().iter().map(|_| Count::default());
        Self(counts.collect())
    }

    /// Counts an event that was applied. `evicts` is false if the cache's closure returned
    /// `Evict::Nothing`. It is true otherwise, whether or not the entries it named were cached.
    pub(crate) fn record(&self, variant: usize, evicts: bool) {
        let Some(of) = self.0.get(variant) else {
            return;
        };
        count(&of.applied);
        if !evicts {
            count(&of.idle);
        }
    }
}

/// One `evict_on` of a cache. It keeps the bus alive, as a subscription does, so it belongs to the
/// cache. The subscriber, which the bus owns, gets only its [`counts`](Self::counts).
pub(crate) struct Source {
    core: Arc<dyn Watched>,
    counts: Arc<VariantCounts>,
}

/// A channel of a bus, whatever its events.
trait Watched: Send + Sync {
    fn bus(&self) -> u64;
    fn schema(&self) -> &'static EventSchema;
    fn channel(&self) -> Arc<str>;
    fn health(&self) -> Health;
    fn watch_health(&self) -> watch::Receiver<Health>;
    fn stats(&self) -> ChannelStats;
}

impl<E: InvalidationEvent> Watched for Core<E> {
    fn bus(&self) -> u64 {
        self.bus.id()
    }

    fn schema(&self) -> &'static EventSchema {
        E::SCHEMA
    }

    fn channel(&self) -> Arc<str> {
        Arc::clone(self.name())
    }

    fn health(&self) -> Health {
        Core::health(self)
    }

    fn watch_health(&self) -> watch::Receiver<Health> {
        self.channel.health.watch()
    }

    fn stats(&self) -> ChannelStats {
        self.channel.counters.snapshot()
    }
}

impl Source {
    pub(crate) fn new<E: InvalidationEvent>(service: &Invalidator<E>) -> Self {
        Self {
            core: Invalidator::core_of(service),
            counts: Arc::new(VariantCounts::new(E::SCHEMA)),
        }
    }

    /// The counts in which the subscriber [records](VariantCounts::record) every event.
    pub(crate) fn counts(&self) -> Arc<VariantCounts> {
        Arc::clone(&self.counts)
    }

    /// The id of the bus.
    pub(crate) fn bus(&self) -> u64 {
        self.core.bus()
    }

    pub(crate) fn health(&self) -> Health {
        self.core.health()
    }

    /// The health as it changes, shown a moment late.
    pub(crate) fn watch_health(&self) -> watch::Receiver<Health> {
        self.core.watch_health()
    }

    pub(crate) fn describe(&self) -> Seen {
        let schema = self.core.schema();
        let counts = self.counts.0.iter();
        let events = schema.variants().iter().zip(counts).map(|(variant, of)| {
            // `idle` is read first: it is counted after `applied`, so it is seldom the larger one.
            let idle = of.idle.load(Ordering::Relaxed);
            let applied = of.applied.load(Ordering::Relaxed);
            Evicts {
                event: variant.wire(),
                applied,
                evicted: applied.saturating_sub(idle),
            }
        });
        Seen {
            channel: self.core.channel(),
            events: events.collect(),
            health: self.core.health(),
            stats: self.core.stats(),
        }
    }
}

/// A channel that evicts from a cache, at the time of an audit.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// With its namespace.
    pub(crate) channel: Arc<str>,
    pub(crate) events: Vec<Evicts>,
    pub(crate) health: Health,
    pub(crate) stats: ChannelStats,
}

/// What one kind of event has evicted from one cache.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evicts {
    /// The event's name on the wire.
    pub event: &'static str,
    /// How often it was applied. An event that was published here counts then, and not when it comes
    /// back within a second.
    pub applied: u64,
    /// How often the closure given to `evict_on` named something to evict.
    pub evicted: u64,
}
