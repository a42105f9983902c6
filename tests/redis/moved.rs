//! A cache in Redis whose instance publishes on another server for a while.

use std::time::Duration;

use cache_runtime::bus::Health;
use cache_runtime::redis::Coherent;
use cache_runtime::{Bus, Evict, RedisCache};
use support::{Relay, Server, eventually, within};
use tokio::sync::watch;

use crate::fixture::{UserEvent, Users, builder, patient};

const LONG: Duration = Duration::from_secs(3600);

struct Instance {
    first: Server,
    second: Server,
    relay: Relay,
    users: Users,
    cache: RedisCache<String, Coherent>,
    health: watch::Receiver<Health>,
    _bus: Bus,
}

impl Instance {
    /// A move is noticed with the next heartbeat.
    async fn start(heartbeat: Duration) -> Self {
        let (first, second) = (Server::start().await, Server::start().await);
        let relay = Relay::to(first.port()).await;
        let bus = patient(builder(&relay.url())).heartbeat(heartbeat);
        let bus = bus.connect().await.unwrap();
        let users = Users::new(&bus);
        let cache =
            RedisCache::builder(&bus, "users", LONG).evict_on(&users, |event| match event {
                UserEvent::User { user_id } => Evict::key(user_id.to_string()),
                UserEvent::Name { .. } | UserEvent::All => Evict::All,
            });
        let cache = cache.build().unwrap();
        bus.ready().await.unwrap();
        let health = users.watch_health();
        Self {
            first,
            second,
            relay,
            users,
            cache,
            health,
            _bus: bus,
        }
    }

    async fn read(&self, loaded: &'static str) -> String {
        let load = || async { loaded.to_owned() };
        self.cache.get_or_load("1", load).await.unwrap()
    }

    async fn moves(&self, name: &'static str) {
        let before = self.relay.moved();
        self.relay.move_connections(name, self.second.port());
        let moved = async || self.relay.moved();
        eventually("the move", moved, |moved| *moved > before).await;
    }

    /// Waits until the move is noticed, and everything leads to the first server.
    async fn recovers(&mut self) {
        let down = self.health.wait_for(|health| !health.is_live());
        drop(within("the move to be noticed", down).await.unwrap());
        let live = self.health.wait_for(Health::is_live);
        drop(within("all to be on one server", live).await.unwrap());
        assert_eq!(self.first.admin().await.subscribers("cache:users").await, 1);
    }
}

/// The event and its deletion go to the other server, and the publisher is not told.
#[tokio::test]
async fn an_event_that_was_published_on_another_server_has_evicted_here() {
    let mut instance = Instance::start(Duration::from_millis(100)).await;
    assert_eq!(instance.read("old").await, "old");
    instance.moves(":publish").await;
    if instance.users.invalidate_user(1).await.is_ok() {
        instance.recovers().await;
        assert_eq!(instance.read("new").await, "new");
    }
}
