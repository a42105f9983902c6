//! The coherent cache on a bus: what it serves, and when, with and without a server.

mod bypass;
mod drops;
mod events;
mod failures;
mod kinds_of_errors;
mod late;
mod layers;
mod lifetime;
mod many;
mod own_writes;
mod policies;
mod schedule;
mod schedule_failures;
mod settings;
mod sharing;
mod spawned;
mod tags;
mod waiting;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cache_runtime::bus::Health;
use cache_runtime::coherent::{Builder, WithEvents};
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// Users have changed.
#[derive(Debug, InvalidationEvent)]
pub(crate) enum UserEvent {
    User { user_id: String },
    Users { user_ids: Vec<String> },
    Guild { guild: String },
    Ending { end: String },
    Renamed,
    All,
}

#[cache_invalidation(channel = "cache:coherent-users", event = UserEvent)]
pub(crate) struct Users;

/// Teams have changed.
#[derive(Debug, InvalidationEvent)]
pub(crate) enum TeamEvent {
    Members { user_ids: Vec<String> },
    All,
}

#[cache_invalidation(channel = "cache:coherent-teams", event = TeamEvent)]
pub(crate) struct Teams;

pub(crate) type Cache = CoherentCache<String, u64>;
pub(crate) type CacheBuilder = Builder<String, u64, WithEvents>;

/// What an event evicts.
pub(crate) fn evict(event: &UserEvent) -> Evict<String> {
    match event {
        UserEvent::User { user_id } => Evict::key(user_id),
        UserEvent::Users { user_ids } => Evict::keys(user_ids),
        UserEvent::Guild { guild } => Evict::prefix(format!("{guild}:")),
        UserEvent::Ending { end } => {
            let end = end.clone();
            Evict::matching(move |key: &String| key.ends_with(&end))
        }
        UserEvent::Renamed => Evict::Nothing,
        UserEvent::All => Evict::All,
    }
}

/// The builder of a cache that the events of `users` evict from.
pub(crate) fn builder(users: &Users) -> CacheBuilder {
    CoherentCache::builder("users", HOUR).evict_on(users, evict)
}

/// A cache on a live bus.
pub(crate) async fn live(bus: &Bus) -> (Users, Cache) {
    let users = Users::new(bus);
    let cache = builder(&users).build().expect("usable settings");
    bus.ready().await.expect("nothing in the way");
    (users, cache)
}

/// A loader that counts its loads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loader {
    loads: Arc<AtomicU64>,
}

impl Loader {
    /// Reads through the cache. The value of a load is the number of loads.
    pub(crate) async fn read(&self, cache: &Cache, key: &str) -> u64 {
        let load = || async { self.loads.fetch_add(1, Ordering::SeqCst) + 1 };
        cache.get_or_load(key, load).await
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }
}

/// The keys that the cache holds, also while it is bypassed.
pub(crate) fn held(cache: &Cache) -> Vec<String> {
    let mut keys: Vec<_> = cache.entries().into_iter().map(|(key, _)| key).collect();
    keys.sort();
    keys
}

/// A bus that reconnects quickly, and whose lease does not end on a busy machine.
pub(crate) async fn connect(url: &str) -> Bus {
    let bus = Bus::redis(url)
        .heartbeat(Duration::from_millis(100))
        .lease(HOUR)
        .backoff(Duration::from_millis(20), Duration::from_millis(200))
        .connect()
        .await;
    bus.expect("the server is running")
}

/// Waits until events are not proven to arrive.
pub(crate) async fn lost(users: &Users) {
    let mut health = users.watch_health();
    let lost = |health: &Health| !health.is_live();
    support::until("the channel not to be live", &mut health, lost).await;
}

/// Waits until events are proven to arrive again.
pub(crate) async fn found(users: &Users) {
    let mut health = users.watch_health();
    support::until("the channel to be live again", &mut health, Health::is_live).await;
}

/// Polls a future once.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
