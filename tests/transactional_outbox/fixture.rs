//! The event, the service, and an instance with a cache.

use std::time::Duration;

use cache_runtime::service::Subscription;
use cache_runtime::transactional_outbox::Relay;
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use support::{Recorder, eventually};

use crate::database::{Database, Outbox};

/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
pub(crate) const SHORT: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, PartialEq, Eq, Hash, InvalidationEvent)]
pub(crate) enum UserEvent {
    User { user_id: u64 },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
#[derive(Debug, Clone)]
pub(crate) struct Users;

#[cache_invalidation(channel = "cache:teams", event = UserEvent)]
#[derive(Debug, Clone)]
pub(crate) struct Teams;

/// A bus that takes a busy machine for no loss.
pub(crate) async fn connect(url: &str) -> Bus {
    let builder = Bus::redis(url)
        .heartbeat(Duration::from_millis(100))
        .lease(LONG)
        .response_timeout(Duration::from_secs(10));
    builder.connect().await.expect("the server runs")
}

/// A relay that looks often, and whose lease a test can wait for.
pub(crate) fn relay(bus: &Bus, store: Outbox) -> Relay<Outbox> {
    let relay = Relay::new(bus, store).poll_interval(SHORT);
    relay.lease(Duration::from_secs(1))
}

/// An instance that caches the versions of users, and records what it receives.
pub(crate) struct Instance {
    pub(crate) bus: Bus,
    pub(crate) users: Users,
    pub(crate) versions: CoherentCache<u64, i64>,
    pub(crate) seen: Recorder<UserEvent>,
    _guard: Subscription,
}

impl Instance {
    pub(crate) async fn new_in_process(bus: &Bus) -> Self {
        Self::start(bus.clone()).await
    }

    pub(crate) async fn new(bus: Bus) -> Self {
        let instance = Self::start(bus).await;
        // Becoming live is told as `All`.
        let seen = &instance.seen;
        seen.until("the first `All`", |seen| seen.contains(&UserEvent::All))
            .await;
        seen.clear();
        instance
    }

    async fn start(bus: Bus) -> Self {
        let users = Users::new(&bus);
        // First, because a channel that is live already tells no `All`.
        let seen = Recorder::new();
        let guard = users.subscribe(seen.handler());
        let versions = CoherentCache::builder("versions", LONG)
            .evict_on(&users, |event| match event {
                UserEvent::User { user_id } => Evict::key(*user_id),
                UserEvent::All => Evict::All,
            })
            .build()
            .unwrap();
        bus.ready().await.unwrap();
        Self {
            bus,
            users,
            versions,
            seen,
            _guard: guard,
        }
    }

    /// The version that this instance shows.
    pub(crate) async fn version(&self, database: &Database, user_id: u64) -> i64 {
        let load = async || database.version(user_id).await;
        self.versions.get_or_load(&user_id, load).await
    }

    pub(crate) async fn shows(&self, database: &Database, user_id: u64, version: i64) {
        let shown = async || self.version(database, user_id).await;
        eventually("the new version", shown, |shown| *shown == version).await;
    }
}

pub(crate) async fn empty(database: &Database) {
    eventually(
        "an empty outbox",
        async || database.rows().await,
        |rows| *rows == 0,
    )
    .await;
}
