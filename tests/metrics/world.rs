//! A bus over a real server, with a cache of each kind.

use std::time::Duration;

use cache_runtime::{
    Bus, CoherentCache, Cooldown, Dedup, Evict, InvalidationEvent, RedisCache, TtlCache,
    cache_invalidation,
};
use support::{Proxy, Server, eventually};

#[derive(Debug, Clone, InvalidationEvent)]
pub(crate) enum UserEvent {
    User { user_id: String },
    All,
}

#[cache_invalidation(channel = "users", event = UserEvent)]
pub(crate) struct Users;

pub(crate) const TTL: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) bus: Bus,
    pub(crate) users: Users,
    pub(crate) coherent: CoherentCache<String, u32>,
    pub(crate) ttl: TtlCache<String, u32>,
    pub(crate) redis: RedisCache<u32>,
    pub(crate) dedup: Dedup,
    pub(crate) cooldown: Cooldown<String>,
}

impl World {
    /// All names begin with `name`, which is the namespace of the bus.
    pub(crate) async fn new(name: &str) -> Self {
        let server = Server::start().await;
        let proxy = Proxy::to(server.port()).await;
        let bus = Bus::redis(proxy.url())
            .namespace(name)
            .heartbeat(Duration::from_millis(50))
            .backoff(Duration::from_millis(10), Duration::from_millis(100));
        let bus = bus.connect().await.unwrap();
        let users = Users::new(&bus);
        let coherent = CoherentCache::builder(&format!("{name}-coherent"), TTL)
            .evict_on(&users, |event| match event {
                UserEvent::User { user_id } => Evict::key(user_id),
                UserEvent::All => Evict::All,
            })
            .build()
            .unwrap();
        let redis = RedisCache::builder(&bus, format!("{name}-redis"), TTL).memory(TTL, 10);
        let this = Self {
            ttl: TtlCache::builder(&format!("{name}-ttl"), TTL)
                .max_weight(1000, |_, value| *value)
                .build()
                .unwrap(),
            redis: redis.build().unwrap(),
            dedup: Dedup::builder(&bus, format!("{name}-dedup"))
                .build()
                .unwrap(),
            cooldown: Cooldown::builder(&format!("{name}-cooldown"), TTL)
                .max_entries(1)
                .build()
                .unwrap(),
            server,
            proxy,
            bus,
            users,
            coherent,
        };
        this.bus.ready().await.unwrap();
        this
    }

    /// Uses every cache, and breaks the connections once. Returns when the bus is live again.
    pub(crate) async fn used(name: &str) -> Self {
        let this = Self::new(name).await;
        for _ in 0..3 {
            // A load, and two hits.
            this.coherent.get_or_load("7", async || 1).await;
        }
        let failed = this
            .coherent
            .try_get_or_load("8", async || Err("no such user"));
        failed.await.unwrap_err();
        this.users.invalidate_user("7").await.unwrap();

        this.ttl.insert("a".to_owned(), 30);
        this.ttl.insert("b".to_owned(), 12);

        let load = async || Ok::<_, String>(5);
        this.redis.try_get_or_load("a", load).await.unwrap();
        assert_eq!(this.redis.get("a").await.unwrap(), Some(5));

        for _ in 0..2 {
            let _ = this.dedup.reserve("1", "Ada").await.unwrap();
        }
        for key in ["a", "a", "b"] {
            let _ = this.cooldown.try_start(key);
        }

        let admin = this.server.admin().await;
        admin.publish(&format!("{name}:users"), "{}").await;
        let rejected = async || this.users.stats().rejected;
        eventually("the message to be rejected", rejected, |n| *n == 1).await;

        this.proxy.cut();
        let recoveries = async || this.users.stats().live_flushes;
        eventually("to be live again", recoveries, |n| *n == 2).await;
        this.bus.ready().await.unwrap();
        this
    }
}
