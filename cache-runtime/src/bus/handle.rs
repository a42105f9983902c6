//! The handle of a bus that users hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::builder::{BusBuilder, Target};
use super::shared::{CLOSE_STEP, Shared};
use crate::channel;
use crate::driver::Driver;
use crate::error::{ConnectError, NotReady, NotSettled};
use crate::event::Settled;
use crate::health::{Cause, Health};
use crate::outbox::Unsent;
use crate::settings::Settings;
#[cfg(feature = "redis")]
use crate::transport::redis;
use crate::transport::{Servers, Transport};

/// Carries events between instances.
///
/// A bus has one connection for publishing, or in a cluster one for each primary that it uses. Once
/// something is subscribed, it has one more for the events of all channels. Once a cache in Redis is
/// used, it has one more for keys and values.
///
/// One thread of the process does the I/O of every bus, so a bus belongs to no Tokio runtime. After
/// a `fork`, the child lacks that thread if the parent had built a bus. Then no bus works in it. Fork
/// before the first bus or cache is built, or start another program in the child.
///
/// Services, subscriptions, streams and caches in Redis keep the bus alive. When the last of them
/// and the last clone of the bus are dropped, the bus ends its connections and tasks.
///
/// An event that the server does not take is kept in the bus's outbox, which sends it again until the
/// server takes it or the bus is closed. If the last handle is dropped meanwhile, the outbox goes on for
/// as long as its next attempt may take (4 s by default), unless the process ends; a line in the log
/// says how many events of which channels are left then. [`close`](Self::close) waits for it.
///
/// A clone is the same bus. [`another_instance`](Self::another_instance) stands for another
/// process.
#[derive(Clone)]
pub struct Bus {
    shared: Arc<Shared>,
}

impl Bus {
    /// A bus without a server, for tests and examples; the same as `Bus::local()` with the
    /// defaults.
    ///
    /// Caches keep in the process what they would keep in Redis. As in Redis, only TTLs limit how
    /// much that is.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::Bus;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let here = Bus::in_process();
    /// let there = here.another_instance();
    /// # }
    /// ```
    #[must_use]
    pub fn in_process() -> Self {
        Self {
            shared: Shared::new(
                Settings::default(),
                conflict(),
                Servers::One(Transport::in_process(&Driver::default())),
            ),
        }
    }

    /// A builder of a bus without a server.
    pub fn local() -> BusBuilder {
        BusBuilder::new(Target::Local)
    }

    /// A builder of a bus over the Redis or Valkey server at an address.
    ///
    /// | address | leads to |
    /// |---|---|
    /// | `redis://user:password@host:port` | a primary |
    /// | `redis://user:password@host1:port,host2:port` | the one of these servers that is the primary |
    /// | `redis+unix:///path` | the same over a Unix socket |
    /// | `redis-sentinel://user:password@host1:port,host2:port/NAME` | the primary that these Sentinels know by the name |
    /// | `redis-cluster://user:password@host1:port,host2:port` | the cluster of these nodes |
    ///
    /// `rediss://`, `rediss-sentinel://` and `rediss-cluster://` use TLS, and need one of the `tls-`
    /// features. Private authorities and certificates of the client are given to the builder's
    /// `tls_authority` and `tls_identity`. An IPv6 address is written as `[::1]`. Characters with a
    /// meaning in an address are percent-encoded in a password.
    ///
    /// Behind the host, `/3` or `?db=3` (with Sentinels and sockets only the latter) is the database
    /// of keys, 0 by default. Redis does not separate channels by it:
    /// [`namespace`](BusBuilder::namespace) keeps environments apart.
    ///
    /// # Several servers
    ///
    /// Each new connection asks all of them, and uses the one that says it is the primary. Two that say
    /// so are an error, because another instance might choose the other one. A fail-over is noticed
    /// when the old primary ends its connections, does not answer, or says with a heartbeat that it is
    /// none any more. A primary that is cut off from its replicas, and still answers, is not noticed
    /// while its connections last: Sentinels, or a cluster, know of it.
    ///
    /// # Sentinels
    ///
    /// Name all of them. Each new connection asks for the primary, and needs the answers of a majority
    /// of them; the server then has to say itself that it is the primary. The user name and password
    /// are for the servers, and [`sentinel_credentials`](BusBuilder::sentinel_credentials) are for the
    /// Sentinels.
    ///
    /// Each Sentinel is also asked with every heartbeat, and tells of fail-overs unasked. A fail-over
    /// is a [loss](crate#what-a-loss-is-and-what-follows) at once, also if the old primary still
    /// answers. Publishing goes on at the new primary as soon as that is found. Channels are live
    /// there one lease after the fail-over was noticed: until then, an instance that has not noticed
    /// it yet may publish on the old primary, and what others cached meanwhile would not be evicted.
    ///
    /// If no Sentinel answers, open connections stay, and no new ones are made. An instance that is
    /// cut off from the Sentinels together with an old primary does not notice the fail-over, and its
    /// caches serve old values until it does. With `min-replicas-to-write` the old primary refuses
    /// writes after a while (`min-replicas-max-lag`), and with them the list of instances: then the bus
    /// is not live there, if access rules allow it to write that list.
    ///
    /// # Cluster
    ///
    /// Events go over sharded pub/sub, from Redis 7 on, through the primary of each channel's slot.
    /// [`pubsub`](BusBuilder::pubsub) chooses plain pub/sub instead, where other programs use that.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use cache_runtime::Bus;
    /// # async fn connect() -> Result<(), cache_runtime::bus::ConnectError> {
    /// let bus = Bus::redis("redis://127.0.0.1").namespace("prod").connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn redis(url: impl Into<String>) -> BusBuilder {
        BusBuilder::new(Target::Redis(Box::new(redis::Target::new(url.into()))))
    }

    /// Another instance on the same server, as if it were another process.
    ///
    /// It has the same settings, and its own subscriptions, connections and health. Without a
    /// server, it exchanges events with the other instances in this process. Closing one instance
    /// does not close the other.
    #[must_use]
    pub fn another_instance(&self) -> Self {
        let (settings, servers) = (self.shared.settings(), self.shared.servers());
        Self {
            shared: Shared::new(
                settings.clone(),
                conflict(),
                servers.another_instance(settings),
            ),
        }
    }

    /// Whether events are proven to arrive now, in every channel that has subscribers.
    ///
    /// In a cluster with broadcast pub/sub it is [`LiveAmongInstances`](Health::LiveAmongInstances) instead
    /// of [`Live`](Health::Live). [`Health::is_live`] holds for both.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.checked(self.shared.health())
    }

    /// The health of the bus as it changes. It shows the end of a lease a moment later than
    /// [`health`](Self::health), which reads the clock.
    #[must_use]
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.shared.health().watch()
    }

    /// Waits until every channel that has subscribers is live. Returns at once if there are none.
    ///
    /// # Errors
    ///
    /// When waiting may not help: the server cannot be reached, does not answer, answers with an
    /// error, is too old, or does not accept the credentials or a channel; the task that receives
    /// events has ended; the bus is closed; or two services use one channel for different events.
    /// Where possible the bus keeps trying, so `ready` may be called again.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn ready(&self) -> Result<(), NotReady> {
        self.shared.ready(self.shared.health(), None).await
    }

    /// Whether this process can publish, and read and write in Redis, now: for a readiness probe. In a
    /// cluster, on every primary.
    ///
    /// While the bus is [live](Health::Live), this returns at once, because the server has answered
    /// within the lease. Otherwise it asks the server. So it also tells of a process that only
    /// publishes, whose health stays [idle](Health::Idle). Whether events arrive is what
    /// [`health`](Self::health) tells.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, does not answer in time, is no primary, is too old, or
    /// does not accept the credentials; when two services use one channel for different events; or
    /// when the bus is closed. In a cluster, an error of one primary is enough. It takes at most twice
    /// the time to connect and to answer that the builder sets.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only asks.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::Bus;
    ///
    /// /// The status and the text that a readiness probe is answered with.
    /// async fn readiness(bus: &Bus) -> (u16, String) {
    ///     match bus.check().await {
    ///         Ok(()) => (200, "ready".to_owned()),
    ///         Err(cause) => (503, cause.to_string()),
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # assert_eq!(readiness(&Bus::in_process()).await.0, 200);
    /// # }
    /// ```
    pub async fn check(&self) -> Result<(), Cause> {
        self.shared.check().await
    }

    /// Waits until every instance has applied the events that were published before this call, on any
    /// channel of the bus, or can serve nothing that is older: a barrier for tests with several
    /// instances, and what [`confirmed`](crate::service::Publishing::confirmed) waits for, where it is
    /// said what that covers and how long it takes. It does not tell whether an earlier event went to a
    /// former primary: `confirmed` does.
    ///
    /// # Errors
    ///
    /// When this instance is not live, the server does not answer, or an instance is live and does not
    /// answer.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
    /// # #[derive(InvalidationEvent)]
    /// # enum UserEvent { User { user_id: String }, All }
    /// # #[cache_invalidation(channel = "cache:settled", event = UserEvent)]
    /// # struct Users;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let here = Bus::in_process();
    /// let there = here.another_instance();
    /// # let names = CoherentCache::<String, u32>::builder("names", Duration::from_secs(9))
    /// #     .evict_on(&Users::new(&there), |event| match event {
    /// #         UserEvent::User { user_id } => Evict::key(user_id),
    /// #         UserEvent::All => Evict::All,
    /// #     })
    /// #     .build()?;
    /// # there.ready().await?;
    /// names.get_or_load("7", || async { 1 }).await; // a cache of the instance `there`
    /// Users::new(&here).invalidate_user("7").await?;
    /// here.settled().await?;
    /// assert_eq!(names.get("7"), None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn settled(&self) -> Result<Settled, NotSettled> {
        self.shared.settled(None).await
    }

    /// Ends every subscription and connection, within 200 ms even if the server is frozen.
    ///
    /// Async handlers are cancelled at their next await. Sync handlers finish their event on their
    /// threads. Publishing fails afterwards. Other instances are not affected.
    ///
    /// If events are in the outbox, they are sent for up to 90 ms of this time. Those that are to be
    /// sent later are sent now. Returns what the server has not taken, which is also logged.
    ///
    /// Another call, at the same time or later, returns the same. If its limit is longer, the outbox
    /// goes on until then.
    ///
    /// # Cancel safety
    ///
    /// The first poll closes the bus. If the future is dropped after that, `close` only does not
    /// wait for the outbox, tasks and handlers to end.
    pub async fn close(&self) -> Unsent {
        self.close_within(CLOSE_STEP).await
    }

    /// As [`close`](Self::close), but sends what is in the outbox for up to `limit`. It returns sooner
    /// once everything was sent.
    ///
    /// # Cancel safety
    ///
    /// As for [`close`](Self::close). The outbox goes on until `limit` has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cache_runtime::Bus;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let bus = Bus::in_process();
    /// let unsent = bus.close_within(Duration::from_secs(5)).await;
    /// if !unsent.is_empty() {
    ///     eprintln!("{unsent}"); // 3 events were not sent: 3 of cache:users
    /// }
    /// # }
    /// ```
    pub async fn close_within(&self, limit: Duration) -> Unsent {
        self.shared.close(limit).await
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("transport", self.shared.servers())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

impl BusBuilder {
    /// Opens the connection for publishing, and returns when the server has answered. The
    /// connection for events is opened with the first subscription. In a cluster, returns when a node
    /// has told which nodes serve the slots; connections to these are opened when they are first used.
    ///
    /// # Errors
    ///
    /// When a setting is unusable, or two services use one channel for different events. Also when
    /// the server cannot be reached, does not answer in time, is too old, or does not accept the
    /// credentials.
    ///
    /// # Cancel safety
    ///
    /// Safe: an unfinished connection is closed.
    pub async fn connect(self) -> Result<Bus, ConnectError> {
        let bus = self.connect_lazy()?;
        let connected = bus.shared.servers().check().await;
        connected.map_err(|cause| ConnectError { cause })?;
        Ok(bus)
    }

    /// A bus that connects when it is first used, and keeps trying. It is for programs that must
    /// start even while the server cannot be reached.
    ///
    /// # Errors
    ///
    /// When a setting is unusable, or two services use one channel for different events.
    pub fn connect_lazy(self) -> Result<Bus, ConnectError> {
        let error = |cause| ConnectError { cause };
        self.settings.check().map_err(error)?;
        if let Some(cause) = conflict() {
            return Err(error(cause));
        }
        let servers = match self.target {
            Target::Local => Servers::One(Transport::in_process(&self.settings.driver)),
            #[cfg(all(feature = "redis", feature = "testing"))]
            Target::Redis(_) if self.settings.driver.clock().is_some() => {
                let what = "a manual clock: only a bus in process is driven by one";
                return Err(error(Cause::Settings(what.into())));
            }
            #[cfg(feature = "redis")]
            Target::Redis(target) => Servers::redis(&target, &self.settings).map_err(error)?,
            #[cfg(simulation)]
            Target::Simulated(network, limits) => {
                Servers::simulated(&network, limits, &self.settings)
            }
        };
        Ok(Bus {
            shared: Shared::new(self.settings, None, servers),
        })
    }
}

fn conflict() -> Option<Cause> {
    let (a, b) = channel::conflict()?;
    Some(Cause::Conflict(
        format!(
            "two services use channel `{}` for different events: {a} and {b}; give one of them \
             another channel, or both the same event",
            a.channel()
        )
        .into(),
    ))
}

/// A builder of a bus over a simulated network, whose inbox holds this many messages.
#[cfg(simulation)]
pub fn simulated(
    network: &crate::transport::simulated::Network,
    limits: crate::transport::simulated::Limits,
    inbox: usize,
) -> BusBuilder {
    let mut builder = BusBuilder::new(Target::Simulated(network.clone(), limits));
    builder.settings.inbox = inbox;
    builder
}

/// Publishes bytes as they are, so that tests can send payloads that no event encodes to.
#[doc(hidden)]
pub async fn publish_raw(bus: &Bus, channel: &str, payload: &[u8]) -> Result<u64, Cause> {
    let name = bus.shared.settings().full_name(channel);
    let published = bus.shared.publish(&name, payload, &[]).await?;
    published.receivers
}
