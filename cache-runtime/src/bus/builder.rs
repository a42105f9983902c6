//! The builder of a bus: its settings.

#[cfg(feature = "redis")]
use std::error::Error;
use std::fmt;
#[cfg(feature = "redis")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "testing")]
use crate::clock::ManualClock;
#[cfg(feature = "testing")]
use crate::driver::Driver;
use crate::queue::Bounds;
#[cfg(any(feature = "redis", simulation))]
use crate::settings::PubSub;
use crate::settings::{OnRejected, Settings};
#[cfg(feature = "redis")]
use crate::transport::redis::{self, Credentials, Source};
#[cfg(simulation)]
use crate::transport::simulated;

/// Settings of a bus, made by `Bus::redis` and [`Bus::local`](crate::Bus::local).
#[must_use = "a builder does nothing until it is connected"]
#[derive(Clone)]
pub struct BusBuilder {
    pub(super) target: Target,
    pub(super) settings: Settings,
}

/// What carries the events.
#[derive(Clone)]
pub(super) enum Target {
    Local,
    #[cfg(feature = "redis")]
    Redis(Box<redis::Target>),
    #[cfg(simulation)]
    Simulated(simulated::Network, simulated::Limits),
}

impl BusBuilder {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            settings: Settings::default(),
        }
    }

    /// Puts a prefix in front of every channel and of every key in Redis; none by default. With
    /// `prod`, `cache:users` becomes `prod:cache:users`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = Some(namespace.into());
        self
    }

    /// The instance's name, by default the program's name and process id. `CLIENT LIST` shows it
    /// for the instance's connections, as `bot-1:events`, `bot-1:publish` and `bot-1:values`.
    ///
    /// A Tokio runtime with several workers that makes many requests gets additional connections, as
    /// `bot-1:publish-nearby` and `bot-1:values-nearby`. Nothing depends on them. In a runtime without
    /// I/O, the attempt to connect panics in a task of its own, and is not repeated.
    #[cfg(feature = "redis")]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// An async function that is asked for the user name and the password, instead of the address:
    /// for passwords that are rotated, and tokens of managed services.
    ///
    /// It is asked for each new connection, so credentials that have changed are used without a new
    /// bus. If they [expire](Credentials::expires_in), it is also asked before that, for each open
    /// connection, which then logs in again; subscriptions and requests on it are not disturbed. A
    /// server that closes connections whose credentials have expired thus causes no loss.
    ///
    /// The function runs on the library's thread for I/O, in a Tokio runtime, and must not block: move
    /// blocking work to `spawn_blocking`. It counts towards
    /// [`connect_timeout`](Self::connect_timeout). An error or a panic of it is the
    /// [cause](super::Cause::Credentials) why there is no connection; the error's text is shown, so it
    /// must not contain a secret.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use cache_runtime::Bus;
    /// use cache_runtime::bus::Credentials;
    ///
    /// # async fn token() -> std::io::Result<String> { Ok(String::new()) }
    /// # async fn connect() -> Result<(), cache_runtime::bus::ConnectError> {
    /// let bus = Bus::redis("rediss://cache.example.com")
    ///     .credentials(|| async {
    ///         let token = token().await?;
    ///         Ok(Credentials::new("bot", token).expires_in(Duration::from_secs(15 * 60)))
    ///     })
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn credentials<F, A>(mut self, ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<Credentials, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        if let Target::Redis(target) = &mut self.target {
            target.credentials = Some(Source::Function(Arc::new(move || Box::pin(ask()))));
        }
        self
    }

    /// The certificates of private authorities, in PEM, instead of the system's. For an address with
    /// TLS; Sentinels use them too.
    ///
    /// Several may follow each other in one text. They are only read when the bus is connected, where
    /// unusable ones are an error.
    #[cfg(any(feature = "tls-rustls", feature = "tls-native-tls"))]
    pub fn tls_authority(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        if let Target::Redis(target) = &mut self.target {
            target.tls.authority = Some(certificates.into());
        }
        self
    }

    /// The certificate and the private key, in PEM, by which the server knows this client.
    ///
    /// The certificates of authorities in between may follow the client's own. With `tls-native-tls`,
    /// and without `tls-rustls`, the key has to be PKCS #8: it begins with
    /// `-----BEGIN PRIVATE KEY-----`.
    #[cfg(any(feature = "tls-rustls", feature = "tls-native-tls"))]
    pub fn tls_identity(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        if let Target::Redis(target) = &mut self.target {
            target.tls.identity = Some((certificate.into(), key.into()));
        }
        self
    }

    /// The user name and the password for Sentinels; none by default. Those of the address are for
    /// the servers.
    #[cfg(feature = "redis")]
    pub fn sentinel_credentials(mut self, credentials: Credentials) -> Self {
        if let Target::Redis(target) = &mut self.target {
            target.sentinel_credentials = Some(credentials);
        }
        self
    }

    /// Which commands carry events in a Redis Cluster; [`PubSub::Sharded`] by default. Outside a cluster
    /// it has no effect.
    ///
    /// All instances that share channels need the same. Otherwise they do not hear each other, and
    /// nothing tells.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use cache_runtime::Bus;
    /// use cache_runtime::bus::PubSub;
    ///
    /// # async fn connect() -> Result<(), cache_runtime::bus::ConnectError> {
    /// // Services in other languages use `PUBLISH` and `SUBSCRIBE`.
    /// let bus = Bus::redis("redis-cluster://10.0.0.1,10.0.0.2")
    ///     .pubsub(PubSub::Broadcast)
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(any(feature = "redis", simulation))]
    pub fn pubsub(mut self, pubsub: PubSub) -> Self {
        self.settings.pubsub = pubsub;
        self
    }

    /// Time from one canary to the next; [`defaults::HEARTBEAT`](crate::defaults::HEARTBEAT) by
    /// default.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.settings.heartbeat = heartbeat;
        self
    }

    /// How long a canary proves that events arrive; [`defaults::LEASE`](crate::defaults::LEASE) by
    /// default, and at least two heartbeats. A silent loss is noticed within this time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// The first and the longest wait between attempts to reconnect.
    ///
    /// The wait doubles with each attempt. Each wait is shortened by up to a half at random, so
    /// that instances do not reconnect together. By default
    /// [`defaults::BACKOFF_MIN`](crate::defaults::BACKOFF_MIN) and
    /// [`defaults::BACKOFF_MAX`](crate::defaults::BACKOFF_MAX).
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff_min = first;
        self.settings.backoff_max = longest;
        self
    }

    /// Longest time to connect, including the log-in;
    /// [`defaults::CONNECT_TIMEOUT`](crate::defaults::CONNECT_TIMEOUT) by default.
    #[cfg(feature = "redis")]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Longest time to wait for the server's answer to a command;
    /// [`defaults::RESPONSE_TIMEOUT`](crate::defaults::RESPONSE_TIMEOUT) by default. A request on a
    /// connection of the caller's runtime (see [`name`](Self::name)) waits a quarter of that, and is
    /// then made again elsewhere.
    #[cfg(feature = "redis")]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.settings.response_timeout = timeout;
        self
    }

    /// Most events and most bytes that wait for one handler before they collapse into one `All`.
    ///
    /// By default [`defaults::QUEUE_EVENTS`](crate::defaults::QUEUE_EVENTS) and
    /// [`defaults::QUEUE_BYTES`](crate::defaults::QUEUE_BYTES).
    pub fn queue(mut self, events: usize, bytes: usize) -> Self {
        self.settings.queue = Bounds {
            items: events,
            bytes,
        };
        self
    }

    /// Most events and most bytes that the outbox keeps, which sends again what the server has not
    /// taken. Zero events turn it off.
    ///
    /// When there are too many, the events of the channel with the most bytes become one `All`. Each
    /// channel may keep one `All` beyond these bounds. An event takes its payload and 64 bytes. By
    /// default [`defaults::OUTBOX_EVENTS`](crate::defaults::OUTBOX_EVENTS) and
    /// [`defaults::OUTBOX_BYTES`](crate::defaults::OUTBOX_BYTES).
    pub fn outbox(mut self, events: usize, bytes: usize) -> Self {
        self.settings.outbox = Bounds {
            items: events,
            bytes,
        };
        self
    }

    /// Lets a clock drive the bus: its heartbeats, leases and attempts to connect, its outbox, and the TTLs
    /// of what stands in for Redis. The caches that are built on the bus use it too, unless their own
    /// `clock` names another one: [`CoherentCache`](crate::CoherentCache),
    /// [`RedisCache`](crate::RedisCache), [`Snapshot`](crate::Snapshot), [`Dedup`](crate::Dedup) and
    /// [`RedisCooldown`](crate::RedisCooldown).
    /// [`TtlCache`](crate::TtlCache) and [`Cooldown`](crate::Cooldown) need no bus, so their builders are
    /// given the same clock.
    ///
    /// Only a bus in process can be driven by a clock; another one cannot be built. Its other
    /// [instances](crate::Bus::another_instance) have the same clock. The limits of waits for what other
    /// code does (`load_wait`, `load_lock`, `load_timeout`), and the waits of a handler that panics again and
    /// again, use real time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cache_runtime::testing::Network;
    /// use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, ManualClock, cache_invalidation};
    ///
    /// # #[derive(InvalidationEvent)]
    /// # enum UserEvent { User { user_id: String }, All }
    /// # #[cache_invalidation(channel = "cache:users-clock", event = UserEvent)]
    /// # struct Users;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let clock = ManualClock::new();
    /// let bus = Bus::local().clock(&clock).connect().await?;
    /// let names = CoherentCache::<String, u32>::builder("names", Duration::from_secs(60))
    ///     .evict_on(&Users::new(&bus), |event| match event {
    ///         UserEvent::User { user_id } => Evict::key(user_id),
    ///         UserEvent::All => Evict::All,
    ///     })
    ///     .build()?;
    /// bus.ready().await?;
    /// names.get_or_load("7", || async { 1 }).await;
    ///
    /// clock.advance(Duration::from_secs(59)); // with all heartbeats of this time
    /// assert_eq!(names.get("7"), Some(1));
    /// clock.advance(Duration::from_secs(1));
    /// assert_eq!(names.get("7"), None);
    ///
    /// Network::of(&bus).silence();
    /// assert!(bus.health().is_live());
    /// clock.advance(Duration::from_secs(2)); // the lease
    /// assert!(!bus.health().is_live());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With Tokio's paused time: [`ManualClock::following_tokio`](crate::ManualClock::following_tokio).
    #[cfg(feature = "testing")]
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.settings.driver = Driver::by(clock);
        self
    }

    /// Longest payload in bytes, sent or received;
    /// [`defaults::MAX_PAYLOAD`](crate::defaults::MAX_PAYLOAD) by default.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.settings.max_payload = bytes;
        self
    }

    /// What follows when a message is rejected; [`OnRejected::Flush`] by default.
    ///
    /// A service that has the key `on_rejected` overrides it for its channel.
    pub fn on_rejected(mut self, policy: OnRejected) -> Self {
        self.settings.on_rejected = policy;
        self
    }

    /// Least time between two flushes of a channel's handlers because of rejected messages;
    /// [`defaults::REJECTION_INTERVAL`](crate::defaults::REJECTION_INTERVAL) by default.
    pub fn rejection_interval(mut self, interval: Duration) -> Self {
        self.settings.rejection_interval = interval;
        self
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for BusBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
