//! A cache in Redis of which one connection leads to another server for a while.

use std::time::Duration;

use cache_runtime::bus::Health;
use cache_runtime::redis::Coherent;
use cache_runtime::{Bus, Evict, RedisCache};
use support::{Relay, Server, eventually, within};
use tokio::sync::watch;

use crate::fixture::{UserEvent, Users, builder, connect, patient};

const LONG: Duration = Duration::from_secs(3600);

fn cache(bus: &Bus, users: &Users) -> RedisCache<String, Coherent> {
    let cache = RedisCache::builder(bus, "users", LONG).evict_on(users, |event| match event {
        UserEvent::User { user_id } => Evict::key(user_id.to_string()),
        UserEvent::Name { .. } | UserEvent::All => Evict::All,
    });
    cache.build().unwrap()
}

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
        let cache = cache(&bus, &users);
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

    /// Returns how many connections there were.
    async fn moves(&self, name: &'static str) -> usize {
        let (before, accepted) = (self.relay.moved(), self.relay.accepted());
        self.relay.move_connections(name, self.second.port());
        let moved = async || self.relay.moved();
        eventually("the move", moved, |moved| *moved > before).await;
        accepted
    }

    /// Waits until the move is noticed, so that there are three more connections than `accepted`, and
    /// everything leads to the first server.
    async fn recovers(&mut self, accepted: usize) {
        let noticed = async || {
            // Opens the connection for values.
            drop(self.cache.get("other").await);
            self.relay.accepted()
        };
        let all = accepted + 3;
        eventually("the move to be noticed", noticed, |now| *now >= all).await;
        let live = self.health.wait_for(Health::is_live);
        drop(within("all to be on one server", live).await.unwrap());
        let admin = self.first.admin().await;
        let subscribers = async || admin.subscribers("cache:users").await;
        eventually("one subscriber", subscribers, |count| *count == 1).await;
    }
}

/// The event and its deletion go to the other server, and the publisher is not told.
#[tokio::test]
async fn an_event_that_was_published_on_another_server_has_evicted_here() {
    let mut instance = Instance::start(Duration::from_millis(100)).await;
    assert_eq!(instance.read("old").await, "old");
    let accepted = instance.moves(":publish").await;
    if instance.users.invalidate_user(1).await.is_ok() {
        instance.recovers(accepted).await;
        assert_eq!(instance.read("new").await, "new");
    }
}

/// The deletion goes over the connection for publishing, to the first server.
#[tokio::test]
async fn an_instance_reads_its_own_writes_while_its_values_are_elsewhere() {
    let instance = Instance::start(Duration::from_secs(60)).await;
    assert_eq!(instance.read("old").await, "old");
    instance.moves(":values").await;
    assert_eq!(instance.read("old").await, "old");
    instance.users.invalidate_user(1).await.unwrap();
    assert_eq!(instance.read("new").await, "new");
}

/// The other server keeps what is stored there.
#[tokio::test]
async fn what_an_earlier_move_has_left_on_another_server_is_not_served() {
    let mut instance = Instance::start(Duration::from_secs(1)).await;
    assert_eq!(instance.read("old").await, "old");
    let accepted = instance.moves(":values").await;
    assert_eq!(instance.read("old").await, "old");
    instance.recovers(accepted).await;
    instance.users.invalidate_user(1).await.unwrap();
    assert_eq!(instance.read("new").await, "new");
    instance.moves(":values").await;
    assert_eq!(instance.read("new").await, "new");
}

/// The publisher deletes nothing in Redis, and the instance deletes over its connection for values.
#[tokio::test]
async fn an_event_evicts_here_while_values_are_elsewhere() {
    let mut instance = Instance::start(Duration::from_secs(60)).await;
    assert_eq!(instance.read("old").await, "old");
    let admin = instance.first.admin().await;
    let accepted = instance.moves(":values").await;
    let event = r#"{"type":"user","userId":1}"#;
    assert_eq!(admin.publish("cache:users", event).await, 1);
    let events = async || instance.cache.stats().evicting_events;
    eventually("the eviction", events, |events| *events > 0).await;
    assert_eq!(instance.read("new").await, "new");
    instance.recovers(accepted).await;
    assert_eq!(instance.read("new").await, "new");
}

/// The other server has entries of its own instances.
#[tokio::test]
async fn a_new_connection_for_values_leads_to_the_server_of_the_events() {
    let instance = Instance::start(Duration::from_secs(60)).await;
    assert_eq!(instance.read("ours").await, "ours");
    let elsewhere = connect(&instance.second.url()).await;
    let theirs = cache(&elsewhere, &Users::new(&elsewhere));
    elsewhere.ready().await.unwrap();
    let load = || async { "theirs".to_owned() };
    assert_eq!(theirs.get_or_load("1", load).await.unwrap(), "theirs");
    instance.relay.redirect_next(instance.second.port());
    let admin = instance.first.admin().await;
    let mut clients = admin.clients().await;
    clients.retain(|client| client.get("name").ends_with(":values"));
    assert_eq!(clients.len(), 1);
    let killed: usize = admin
        .run(&["CLIENT", "KILL", "ID", clients[0].get("id")])
        .await;
    assert_eq!(killed, 1);
    assert_eq!(instance.read("loaded").await, "ours");
}
