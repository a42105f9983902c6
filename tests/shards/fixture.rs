//! The services, one on each shard, and what their subscribers receive.

use std::time::Duration;

use cache_runtime::bus::{BusBuilder, Health};
use cache_runtime::service::Subscription;
use cache_runtime::{Bus, Evict, InvalidationEvent, cache_invalidation};
use support::{Recorder, RedisCluster, eventually, until};

#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub(crate) enum Event {
    Item { id: u64 },
    All,
}

/// Slot 880, shard 0.
#[cache_invalidation(channel = "cache:guests", event = Event)]
#[derive(Debug, Clone)]
pub(crate) struct Guests;

/// Slot 8219, shard 1.
#[cache_invalidation(channel = "cache:users", event = Event)]
#[derive(Debug, Clone)]
pub(crate) struct Users;

/// Slot 5935, shard 1.
#[cache_invalidation(channel = "cache:roles", event = Event)]
#[derive(Debug, Clone)]
pub(crate) struct Roles;

/// Slot 14841, shard 2.
#[cache_invalidation(channel = "cache:teams", event = Event)]
#[derive(Debug, Clone)]
pub(crate) struct Teams;

/// What an event evicts from a cache in Redis.
pub(crate) fn evict(event: &Event) -> Evict<String> {
    match event {
        Event::Item { id } => Evict::key(id.to_string()),
        Event::All => Evict::All,
    }
}

/// The slot of `cache:users`.
pub(crate) const USERS: usize = 8219;

/// Long enough for a busy machine.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

pub(crate) fn builder(url: &str) -> BusBuilder {
    Bus::redis(url)
        .heartbeat(Duration::from_millis(100))
        .lease(LEASE)
        .backoff(Duration::from_millis(20), Duration::from_millis(200))
        .response_timeout(Duration::from_millis(800))
}

pub(crate) async fn connect(url: &str) -> Bus {
    let connected = builder(url).connect().await;
    connected.expect("the cluster is up")
}

/// The address of a cluster for the user `app`, who has these rights on every node.
pub(crate) async fn allow_app(cluster: &RedisCluster, rules: &str) -> String {
    for number in 0..6 {
        cluster.node(number).allow_app(rules).await;
    }
    let url = cluster.url();
    url.replace("redis-cluster://", "redis-cluster://app:secret@")
}

/// A subscriber of a channel: what it has received inline.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) seen: Recorder<Event>,
    _guard: Subscription,
}

macro_rules! watch {
    ($service:expr) => {{
        let seen = support::Recorder::new();
        let guard = $service.subscribe_inline({
            let seen = seen.clone();
            move |event: &crate::fixture::Event| seen.record(event.clone())
        });
        $service.ready().await.expect("the channel becomes live");
        seen.clear();
        crate::fixture::Watched::new(seen, guard)
    }};
}
pub(crate) use watch;

impl Watched {
    pub(crate) fn new(seen: Recorder<Event>, guard: Subscription) -> Self {
        Self {
            seen,
            _guard: guard,
        }
    }

    /// Waits until an event is received.
    pub(crate) async fn gets(&self, id: u64) {
        let event = Event::Item { id };
        self.seen
            .until("the event", |seen| seen.contains(&event))
            .await;
    }

    /// Waits until there were more flushes than `before`. The first is at the loss, and may be over.
    pub(crate) async fn flushed(&self, before: usize) {
        let flushed = |seen: &[Event]| {
            let flushes = seen.iter().filter(|event| **event == Event::All);
            flushes.count() > before
        };
        self.seen.until("a flush", flushed).await;
    }

    pub(crate) fn flushes(&self) -> usize {
        let seen = self.seen.seen();
        seen.iter().filter(|event| **event == Event::All).count()
    }
}

/// Waits until both instances are live on the channel again, and an event passes.
macro_rules! recovered {
    ($publisher:expr, $watched:expr, $id:expr) => {{
        let publish = async || $publisher.invalidate_item($id).await;
        support::eventually("the publication", publish, Result::is_ok)
            .await
            .unwrap();
        let receivers = async || {
            let published = $publisher.invalidate_item($id).await;
            (published.map(|receipt| receipt.receivers()), $id)
        };
        let one = |(receivers, _): &(Result<u64, _>, u64)| matches!(receivers, Ok(1));
        drop(support::eventually("the event to have a receiver", receivers, one).await);
        $watched.gets($id).await;
    }};
}
pub(crate) use recovered;

pub(crate) async fn live(bus: &Bus) {
    let mut health = bus.watch_health();
    until("the bus to be live", &mut health, Health::is_live).await;
    let says = async || bus.health();
    eventually("its lease to hold", says, Health::is_live).await;
}
