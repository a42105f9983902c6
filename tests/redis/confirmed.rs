//! Confirmed publications return when no instance can serve the old value.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_runtime::bus::{BusBuilder, Cause, Health, Settled};
use cache_runtime::service::ConfirmError;
use cache_runtime::{Bus, CoherentCache, Evict};
use support::{Admin, Direction, Proxy, Relay, Server, eventually, until};
use tokio::task::{JoinHandle, JoinSet};

use crate::fixture::{UserEvent, Users, builder};

const LONG: Duration = Duration::from_secs(3600);
const LEASE: Duration = Duration::from_secs(1);
/// Between two reads.
const PACE: Duration = Duration::from_millis(1);

/// An instance with a cache, and the service that evicts from it.
struct Instance {
    bus: Bus,
    users: Users,
    cache: CoherentCache<u64, u64>,
}

impl Instance {
    async fn start(builder: BusBuilder) -> Self {
        let bus = builder.connect().await.expect("the server is running");
        let users = Users::new(&bus);
        let cache = CoherentCache::builder("users", LONG);
        let cache = cache.evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(*user_id),
            UserEvent::Name { .. } | UserEvent::All => Evict::All,
        });
        let cache = cache.build().expect("the settings can be used");
        bus.ready().await.expect("nothing stands in the way");
        Self { bus, users, cache }
    }

    /// Loads the old value until it is stored.
    async fn load(&self) {
        let loaded = async || {
            self.cache.get_or_load(&1, async || 1).await;
            self.cache.get(&1)
        };
        eventually("the value to be stored", loaded, Option::is_some).await;
    }

    /// Waits until it has listened for two leases. Before that, each confirmation takes a lease.
    async fn has_listened(&self) {
        let begun = Instant::now();
        let listened = async || begun.elapsed();
        eventually("two leases", listened, |time| *time > LEASE * 2).await;
    }

    /// Confirms in a task of its own.
    fn confirming(self: &Arc<Self>) -> JoinHandle<Settled> {
        let this = Arc::clone(self);
        tokio::spawn(async move { this.confirm().await })
    }

    async fn confirm(&self) -> Settled {
        let confirmed = self.users.invalidate_user(1).confirmed().await;
        confirmed
            .expect("every instance is waited for")
            .settled()
            .clone()
    }
}

fn named(url: &str, name: &str) -> BusBuilder {
    builder(url).name(name)
}

/// Two instances that have a value: `a`, and one behind a proxy.
struct Pair {
    admin: Admin,
    proxy: Proxy,
    a: Instance,
    b: Instance,
    _server: Server,
}

impl Pair {
    async fn start() -> Self {
        let server = Server::start().await;
        let admin = server.admin().await;
        let proxy = Proxy::to(server.port()).await;
        let a = Instance::start(named(&server.url(), "a")).await;
        let b = Instance::start(named(&proxy.url(), "cut-off")).await;
        a.has_listened().await;
        b.load().await;
        Self {
            admin,
            proxy,
            a,
            b,
            _server: server,
        }
    }
}

/// Cuts an instance off, so that it does not notice, and the server does.
async fn cut_off(proxy: &Proxy, admin: &Admin, name: &str) {
    proxy.black_hole(Direction::Both);
    let clients: String = admin.run(&["CLIENT", "LIST"]).await;
    let own = clients
        .lines()
        .filter(|client| client.contains(&format!(" name={name}:")));
    for client in own {
        let id = client
            .split(' ')
            .next()
            .and_then(|id| id.strip_prefix("id="));
        let id = id.expect("each client has an id");
        admin.run::<()>(&["CLIENT", "KILL", "ID", id]).await;
    }
}

/// The names in order.
fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn by_all_when_all_are_healthy() {
    let server = Server::start().await;
    let a = Instance::start(named(&server.url(), "a")).await;
    let b = Instance::start(named(&server.url(), "b")).await;
    a.has_listened().await;
    for _ in 0..20 {
        a.load().await;
        b.load().await;
        let settled = a.confirm().await;
        assert_eq!((a.cache.get(&1), b.cache.get(&1)), (None, None));
        assert_eq!(sorted(settled.acknowledged()), ["a", "b"]);
        assert_eq!(settled.expired().len(), 0);
    }
}

#[tokio::test]
async fn on_a_bus_that_only_publishes() {
    let server = Server::start().await;
    let b = Instance::start(named(&server.url(), "b")).await;
    b.load().await;
    let bus = named(&server.url(), "publisher").connect().await.unwrap();
    assert_eq!(bus.health(), Health::Idle);
    let confirmed = Users::new(&bus).invalidate_user(1).confirmed().await;
    assert_eq!(b.cache.get(&1), None);
    let settled = confirmed.unwrap();
    let acknowledged = sorted(settled.settled().acknowledged());
    assert_eq!(acknowledged, ["b", "publisher"]);
}

/// A former primary accepts events, and delivers them to nobody who is on the new one.
#[tokio::test]
async fn not_by_a_former_primary() {
    let (former, new) = (Server::start().await, Server::start().await);
    let relay = Relay::to(former.port()).await;
    let publisher = named(&relay.url(), "publisher").connect().await.unwrap();
    let users = Users::new(&publisher);
    users.invalidate_user(1).await.unwrap();
    let b = Instance::start(named(&new.url(), "b")).await;
    b.load().await;
    // The publisher's connection stays where it is; new ones lead to the new primary.
    relay.redirect(new.port());
    let confirmed = users.invalidate_user(1).confirmed().await.unwrap();
    assert_eq!(b.cache.get(&1), None);
    let acknowledged = sorted(confirmed.settled().acknowledged());
    assert_eq!(acknowledged, ["b", "publisher"]);
}

/// What was published while this instance was not live may have gone to another server.
#[tokio::test]
async fn not_if_this_instance_was_not_live_meanwhile() {
    let server = Server::start().await;
    let proxy = Arc::new(Proxy::to(server.port()).await);
    let a = Instance::start(named(&proxy.url(), "a")).await;
    let b = Instance::start(named(&server.url(), "b")).await;
    // After the event, and before it answers the fence.
    let cut = Arc::clone(&proxy);
    let _guard = b.users.subscribe_inline(move |_| cut.cut());
    let error = loop {
        match a.users.invalidate_user(1).confirmed().await.unwrap_err() {
            ConfirmError::Settle(error) => break error,
            // The cut was faster than the answer to the publication.
            ConfirmError::Publish(error) => assert!(error.is_deferred(), "{error}"),
        }
        a.users.ready().await.unwrap();
    };
    assert!(error.is_not_live() || error.cause().is_some(), "{error}");
}

/// What is on its way to an instance is waited for.
#[tokio::test]
async fn not_before_the_event_has_arrived() {
    let server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    let a = Arc::new(Instance::start(named(&server.url(), "a")).await);
    // Its lease does not end during the test.
    let b = named(&proxy.url(), "b").lease(Duration::from_secs(60));
    let b = Instance::start(b).await;
    a.has_listened().await;
    b.load().await;
    proxy.black_hole(Direction::ToClient);
    let confirming = a.confirming();
    // Longer than the publisher's own lease.
    a.has_listened().await;
    assert!(!confirming.is_finished());
    assert_eq!(b.cache.get(&1), Some(1), "the lease still holds");
    proxy.heal();
    let settled = confirming.await.unwrap();
    assert_eq!(b.cache.get(&1), None);
    assert_eq!(sorted(settled.acknowledged()), ["a", "b"]);
}

#[tokio::test]
async fn when_the_lease_of_an_instance_that_is_cut_off_has_ended() {
    let Pair {
        admin,
        proxy,
        a,
        b,
        _server,
    } = Pair::start().await;
    cut_off(&proxy, &admin, "cut-off").await;
    let settled = a.confirm().await;
    assert_eq!(b.cache.get(&1), None);
    assert_eq!(sorted(settled.acknowledged()), ["a"]);
    assert_eq!(sorted(settled.expired()), ["cut-off"]);
}

/// Without the right to list itself, an instance is waited for all the same.
#[tokio::test]
async fn when_an_instance_that_cannot_be_listed_has_no_lease() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let url = server
        .allow_app("+@all -zadd -eval allkeys allchannels")
        .await;
    let url = url.replace(&server.port().to_string(), "PORT");
    let proxy = Proxy::to(server.port()).await;
    let port = proxy.url().rsplit(':').next().unwrap().to_owned();
    let a = Instance::start(named(&server.url(), "a")).await;
    let b = Instance::start(named(&url.replace("PORT", &port), "unlisted")).await;
    a.has_listened().await;
    b.load().await;
    let settled = a.confirm().await;
    assert_eq!(b.cache.get(&1), None);
    assert_eq!(sorted(settled.acknowledged()), ["a", "unlisted"]);

    b.load().await;
    cut_off(&proxy, &admin, "unlisted").await;
    a.confirm().await;
    assert_eq!(b.cache.get(&1), None);
}

/// The list may be evicted by the server, or be lost with its data.
#[tokio::test]
async fn when_the_list_of_instances_was_lost() {
    let Pair {
        admin,
        proxy,
        a,
        b,
        _server,
    } = Pair::start().await;
    cut_off(&proxy, &admin, "cut-off").await;
    admin.run::<()>(&["FLUSHALL"]).await;
    a.confirm().await;
    assert_eq!(b.cache.get(&1), None);
}

/// Messages are lost, and the connection stays.
#[tokio::test]
async fn when_an_instance_that_has_missed_messages_has_flushed() {
    let server = Server::start().await;
    let relay = Relay::to(server.port()).await;
    let a = Instance::start(named(&server.url(), "a")).await;
    // Few canaries, because one that is lost together with the event is noticed by itself.
    let (heartbeat, lease) = (Duration::from_millis(700), Duration::from_millis(1400));
    let b = named(&relay.url(), "b").heartbeat(heartbeat).lease(lease);
    let b = Instance::start(b).await;
    let a = Arc::new(a);
    a.has_listened().await;
    let mut health = b.users.watch_health();
    loop {
        b.load().await;
        let lost_before = relay.lost();
        relay.lose_messages(true);
        let mut confirming = a.confirming();
        let lost = async || relay.lost() - lost_before;
        let both = |lost: &usize| *lost >= 2;
        eventually("the event and the fence to be lost", lost, both).await;
        relay.lose_messages(false);
        let mut told = false;
        let settled = loop {
            tokio::select! {
                settled = &mut confirming => break settled.unwrap(),
                _ = health.changed() => {
                    let health = health.borrow_and_update();
                    told |= *health == Health::Down(Cause::Unanswered);
                }
            }
        };
        assert_eq!(b.cache.get(&1), None);
        if told {
            assert_eq!(sorted(settled.acknowledged()), ["a", "b"]);
            break;
        }
    }
}

#[tokio::test]
async fn not_waiting_for_an_instance_that_was_closed() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let a = Instance::start(named(&server.url(), "a")).await;
    let b = Instance::start(named(&server.url(), "b")).await;
    a.has_listened().await;
    let listed = async || {
        let list: Vec<String> = admin
            .run(&["ZRANGE", "cache-runtime:instances", "0", "-1"])
            .await;
        list.into_iter()
            .filter(|element| element.ends_with(" b"))
            .count()
    };
    assert_eq!(listed().await, 1);
    b.bus.close().await;
    assert_eq!(listed().await, 0);
    let settled = a.bus.settled().await.unwrap();
    assert_eq!(sorted(settled.acknowledged()), ["a"]);
    assert_eq!(settled.expired().len(), 0);
    a.bus.close().await;
    let closed = a.bus.settled().await.unwrap_err();
    assert_eq!(closed.cause(), Some(&Cause::Closed));
}

/// A primary that has lost its replicas may have been replaced.
#[tokio::test]
async fn not_by_a_primary_without_the_replicas_that_it_needs() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let a = Instance::start(builder(&server.url())).await;
    admin
        .run::<()>(&["CONFIG", "SET", "min-replicas-to-write", "1"])
        .await;
    let mut health = a.users.watch_health();
    let refused = |health: &Health| matches!(health, Health::Down(Cause::Server(_)));
    until("the server's answer", &mut health, refused).await;
    assert_eq!(a.cache.get(&1), None);
}

/// No read that begins after a confirmation returns what was current before it, whatever happens to
/// the instances meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_linearizable() {
    let server = Server::start().await;
    let proxies = [
        Proxy::to(server.port()).await,
        Proxy::to(server.port()).await,
    ];
    let quick = |url: &str| builder(url).heartbeat(LEASE / 20).lease(LEASE / 4);
    let writer = Instance::start(quick(&server.url())).await;
    let (database, confirmed) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(1)));
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for proxy in &proxies {
        let reader = Instance::start(quick(&proxy.url())).await;
        let (database, confirmed) = (Arc::clone(&database), Arc::clone(&confirmed));
        let done = Arc::clone(&done);
        readers.spawn(async move {
            let mut reads = [0u64; 2];
            while !done.load(Ordering::Relaxed) {
                let least = confirmed.load(Ordering::SeqCst);
                let cached = reader.cache.get(&1);
                let found = if let Some(found) = cached {
                    found
                } else {
                    let loader = async || database.load(Ordering::SeqCst);
                    reader.cache.get_or_load(&1, loader).await
                };
                assert!(found >= least, "read {found} after {least} was confirmed");
                reads[usize::from(cached.is_some())] += 1;
                tokio::time::sleep(PACE).await;
            }
            reads
        });
    }
    for version in 2..=40 {
        let fault = [Direction::ToClient, Direction::ToServer, Direction::Both];
        let proxy = &proxies[version % 2];
        match version % 6 {
            0 => proxy.cut(),
            2 => proxy.black_hole(fault[version / 6 % 3]),
            4 => proxies.iter().for_each(Proxy::heal),
            _ => {}
        }
        let version = version as u64;
        database.store(version, Ordering::SeqCst);
        // Where an instance is too slow to answer, nothing is confirmed.
        if writer.users.invalidate_user(1).confirmed().await.is_ok() {
            confirmed.store(version, Ordering::SeqCst);
        }
    }
    done.store(true, Ordering::Relaxed);
    let mut cached = 0;
    while let Some(reads) = readers.join_next().await {
        cached += reads.expect("no read was stale")[1];
    }
    assert!(cached > 0, "nothing was read from a cache");
    let confirmed = confirmed.load(Ordering::SeqCst);
    assert!(confirmed > 20, "only {confirmed} was confirmed");
}
