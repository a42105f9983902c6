//! The caches that are read, and how old the values may be that they serve.
//!
//! A publish is acknowledged at the time *A*. A read that begins at *A* + bound or later must not
//! return a value that the publish evicts. After a confirmed publish, no read may, at any time, except
//! from caches that are told to go on without events.
//!
//! # Why this holds
//!
//! A cache that has not received the event serves for as long as a canary proves that events
//! arrive: until one lease after the canary was sent. A canary that is sent after *A* reaches the
//! server after the event. If it comes back over the same subscription, the event has come before
//! it. If the subscription began later, the cache was flushed after that. So the last canary that
//! proves anything to this cache was sent before *A*, and its proof ends before *A* + lease. The
//! delay of messages does not matter. Neither does a pause of the process, because the clock is
//! read after the read has begun.
//!
//! - [`WhileDown::Bypass`]: the lease.
//! - [`WhileDown::ServeFor`]: the lease, and what the policy adds to it.
//! - [`WhileDown::ServeUntilTtl`]: the TTL. An entry that the event was to evict was loaded
//!   before *A*, and lives for a TTL from the beginning of its load.
//! - A cache in Redis: the lease. The entry in Redis is deleted before the publish is acknowledged,
//!   and the memory level is bypassed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_runtime::bus::BusBuilder;
use cache_runtime::coherent::WhileDown;
use cache_runtime::redis::Coherent;
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, RedisCache, cache_invalidation};
use tokio::time::sleep;

use crate::clock::{Nanos, length};
use crate::source::KEYS;

pub(crate) const HEARTBEAT: Duration = Duration::from_millis(100);
pub(crate) const LEASE: Duration = Duration::from_millis(500);
/// What [`WhileDown::ServeFor`] adds.
pub(crate) const SERVE_FOR: Duration = Duration::from_millis(250);
/// The TTL of the cache that only its TTL bounds; longer than the lease.
pub(crate) const TTL: Duration = Duration::from_millis(900);
/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
/// The timeout for connecting and for answers.
const PATIENCE: Duration = Duration::from_millis(300);

/// Items have changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub(crate) enum ItemEvent {
    /// One item.
    Item { key: String },
    /// The items whose keys begin like this.
    Group { prefix: String },
    /// Everything.
    All,
}

#[cache_invalidation(channel = "cache:items", event = ItemEvent)]
#[derive(Debug, Clone)]
pub(crate) struct Items;

fn evict(event: &ItemEvent) -> Evict<String> {
    match event {
        ItemEvent::Item { key } => Evict::key(key),
        ItemEvent::Group { prefix } => Evict::prefix(prefix),
        ItemEvent::All => Evict::All,
    }
}

/// A bus that notices silence quickly, and does not wait long.
pub(crate) fn bus(url: &str) -> BusBuilder {
    Bus::redis(url)
        .heartbeat(HEARTBEAT)
        .lease(LEASE)
        .backoff(Duration::from_millis(20), Duration::from_millis(100))
        .connect_timeout(PATIENCE)
        .response_timeout(PATIENCE)
}

/// A cache in memory.
pub(crate) fn coherent(
    items: &Items,
    policy: WhileDown,
    ttl: Duration,
) -> CoherentCache<String, u64> {
    CoherentCache::builder(&format!("items, {policy:?}"), ttl)
        .max_entries(2 * KEYS)
        .evict_on(items, evict)
        .while_down(policy)
        .build()
        .unwrap()
}

/// A cache in Redis and in memory.
pub(crate) fn redis(bus: &Bus, items: &Items) -> RedisCache<u64, Coherent> {
    RedisCache::builder(bus, "items", LONG)
        .memory(LONG, 2 * KEYS)
        .evict_on(items, evict)
        .build()
        .unwrap()
}

/// The kinds of caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Bypass,
    ServeFor,
    ServeUntilTtl,
    Redis,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [
        Self::Bypass,
        Self::ServeFor,
        Self::ServeUntilTtl,
        Self::Redis,
    ];

    /// How old a value may be that a read returns: see the module.
    pub(crate) fn bound(self) -> Nanos {
        let bound = match self {
            Self::Bypass | Self::Redis => LEASE,
            Self::ServeFor => LEASE + SERVE_FOR,
            Self::ServeUntilTtl => TTL.max(LEASE),
        };
        length(bound)
    }

    /// Whether the cache serves for a while although events are not proven to arrive.
    pub(crate) fn goes_on(self) -> bool {
        matches!(self, Self::ServeFor | Self::ServeUntilTtl)
    }
}

/// One cache of each kind, on one bus.
#[derive(Debug)]
pub(crate) struct Caches {
    pub(crate) bus: Bus,
    pub(crate) items: Items,
    pub(crate) bypass: CoherentCache<String, u64>,
    pub(crate) serve_for: CoherentCache<String, u64>,
    pub(crate) serve_until_ttl: CoherentCache<String, u64>,
    pub(crate) redis: RedisCache<u64, Coherent>,
}

impl Caches {
    /// Builds the caches, and waits until events are proven to arrive.
    pub(crate) async fn start(builder: BusBuilder) -> Self {
        let bus = builder.connect().await.expect("the server is running");
        let items = Items::new(&bus);
        let caches = Self {
            bypass: coherent(&items, WhileDown::Bypass, LONG),
            serve_for: coherent(&items, WhileDown::ServeFor(SERVE_FOR), LONG),
            serve_until_ttl: coherent(&items, WhileDown::ServeUntilTtl, TTL),
            redis: redis(&bus, &items),
            items,
            bus,
        };
        caches.live().await;
        caches
    }

    /// Waits until events are proven to arrive, also if they are not now.
    pub(crate) async fn live(&self) {
        let ready = async || self.bus.ready().await;
        let live = support::eventually("the bus to be live", ready, Result::is_ok);
        live.await.expect("`eventually` has seen it");
    }

    /// How many reads of each kind were answered from memory so far.
    fn hits(&self) -> [u64; Kind::ALL.len()] {
        Kind::ALL.map(|kind| match self.coherent(kind) {
            Some(cache) => cache.stats().hits,
            None => self.redis.stats().memory_hits,
        })
    }

    /// Waits until each has answered half as many more reads from memory as there are keys.
    pub(crate) async fn filled(&self) {
        let before = self.hits();
        let since = async || {
            let hits = self.hits().into_iter().zip(before);
            hits.map(|(now, before)| now - before).min()
        };
        let enough = |least: &Option<u64>| *least >= Some(KEYS as u64 / 2);
        support::eventually("the caches to be filled", since, enough).await;
    }

    /// The cache of this kind; `None` if it is not in memory only.
    pub(crate) fn coherent(&self, kind: Kind) -> Option<&CoherentCache<String, u64>> {
        match kind {
            Kind::Bypass => Some(&self.bypass),
            Kind::ServeFor => Some(&self.serve_for),
            Kind::ServeUntilTtl => Some(&self.serve_until_ttl),
            Kind::Redis => None,
        }
    }

    pub(crate) fn is_live(&self, kind: Kind) -> bool {
        let cache = self.coherent(kind);
        let health = cache.map_or_else(|| self.redis.health(), CoherentCache::health);
        health.is_live()
    }

    /// Whether a cache that is to serve nothing while it is down serves this entry, although it is known
    /// to be down before, after and in between.
    pub(crate) fn serves_while_down(&self, kind: Kind, key: &str) -> bool {
        let in_memory = self.coherent(kind).filter(|_| !kind.goes_on());
        in_memory.is_some_and(|cache| {
            let health = self.items.watch_health();
            let down = || !cache.health().is_live() && !health.has_changed().unwrap_or(true);
            down() && cache.get(key).is_some() && down()
        })
    }

    /// Reads a value; returns it, and whether this call loaded it. The loader reads the value
    /// first, and then waits for `delay`.
    pub(crate) async fn read(
        &self,
        kind: Kind,
        key: &str,
        load: impl Fn() -> u64,
        delay: Duration,
    ) -> (u64, bool) {
        let called = AtomicBool::new(false);
        let loader = async || {
            called.store(true, Ordering::Relaxed);
            let value = load();
            sleep(delay).await;
            value
        };
        let value = if let Some(cache) = self.coherent(kind) {
            cache.get_or_load(key, loader).await
        } else {
            let sought = self.redis.get_or_load(key, loader).await;
            sought.expect("it goes on without Redis")
        };
        (value, called.into_inner())
    }
}
