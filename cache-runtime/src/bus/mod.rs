//! The bus: one connection pair for all channels of a program.

mod inner;
pub(crate) mod settings;

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{ConnectError, NotReady};
use crate::health::{Cause, Health};
use crate::kv::Kv;
use crate::registry;
use crate::transport::Transport;
use crate::transport::in_process::Hub;
pub(crate) use inner::Inner;
use settings::{Builder, Settings, Target};

/// Carries events between instances.
///
/// A bus has one connection for publishing, which caches in Redis share, and, once something is
/// subscribed, one more for events, however many channels there are. Services, subscriptions,
/// streams and caches in Redis keep it going; when the last of them and of the bus's clones is
/// dropped, everything ends.
///
/// A clone of a bus over Redis is the same bus. A clone of an in-process bus is another *instance*
/// on it, as if it were another process: that is what such a bus is for.
pub struct Bus {
    inner: Arc<Inner>,
}

impl Bus {
    /// A bus without a server, for tests and examples. Every clone behaves as an instance of its
    /// own.
    ///
    /// That holds for a clone within one program too: it has subscriptions and a health of its own,
    /// and closing it does not close the others. What caches would keep in Redis they keep in the
    /// process, where all clones find it; TTLs are its only bound, as they are Redis's.
    ///
    /// # Panics
    ///
    /// Subscribing panics where neither this call nor the subscription is made within a Tokio
    /// runtime. The runtime needs its timer.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::Bus;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let here = Bus::in_process();
    /// let there = here.clone();
    /// # }
    /// ```
    #[must_use]
    pub fn in_process() -> Self {
        Self::attached(Hub::new(), Settings::default())
    }

    /// Settings of a bus without a server, for tests of what happens at the bounds.
    pub fn in_process_builder() -> Builder {
        Builder::new(Target::InProcess)
    }

    fn attached(hub: Arc<Hub>, settings: Settings) -> Self {
        Self {
            inner: Inner::new(settings, conflict(), Transport::in_process(hub)),
        }
    }

    /// Settings of a bus over the Redis, or Valkey, at an address:
    /// `redis://user:password@host:port`, `rediss://…` for TLS (with one of the `tls-` features), or
    /// `redis+unix:///path`.
    ///
    /// Redis does not separate channels by database, so the address's database is not used, nor for
    /// keys: [`namespace`](Builder::namespace) keeps environments apart.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use cache_runtime::Bus;
    /// # async fn connect() -> Result<(), cache_runtime::ConnectError> {
    /// let bus = Bus::redis("redis://127.0.0.1").namespace("prod").connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn redis(url: impl Into<String>) -> Builder {
        Builder::new(Target::Redis(url.into()))
    }

    /// Whether events are proven to arrive now, in every channel that something subscribes to.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.checked(self.inner.health().get())
    }

    /// The health of the bus as it changes. A lease that runs out shows here a moment later than in
    /// [`health`](Self::health), which looks at the clock.
    #[must_use]
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.inner.health().watch()
    }

    /// Waits until every channel that something subscribes to is live. Returns at once where
    /// nothing is subscribed.
    ///
    /// # Errors
    ///
    /// When something stands in the way that waiting may not remove: the server cannot be reached,
    /// does not answer, or does not accept the credentials or a channel; or the bus is closed, or
    /// two services use one channel for different events. Where it can, the bus keeps trying, so
    /// `ready` may be called again.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn ready(&self) -> Result<(), NotReady> {
        self.inner.ready(self.inner.health(), None).await
    }

    /// Ends every subscription and connection, within 200 ms even if the server is frozen.
    ///
    /// Handlers that are at work are cancelled; a sync one finishes its event on its thread.
    /// Publishing fails afterwards. Other instances of an in-process bus are not affected.
    ///
    /// # Cancel safety
    ///
    /// The bus is closed as soon as this is polled for the first time.
    pub async fn close(&self) {
        self.inner.close().await;
    }

    /// What caches keep in Redis, or in its stand-in.
    pub(crate) fn kv(&self) -> Kv {
        Kv::new(Arc::clone(&self.inner))
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

impl Clone for Bus {
    fn clone(&self) -> Self {
        match self.inner.transport().hub() {
            Some(hub) => Self::attached(Arc::clone(hub), self.inner.settings().clone()),
            None => Self {
                inner: Arc::clone(&self.inner),
            },
        }
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("transport", self.inner.transport())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Connects for publishing, and returns when the server has answered.
    ///
    /// The connection for events is opened with the first subscription.
    ///
    /// # Errors
    ///
    /// When a setting is unusable, two services use one channel for different events, or the server
    /// cannot be reached, does not answer in time, or does not accept the credentials.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is left of a connection that was not finished.
    pub async fn connect(self) -> Result<Bus, ConnectError> {
        let bus = self.connect_lazy()?;
        let connected = bus.inner.transport().check().await;
        connected.map_err(|cause| ConnectError { cause })?;
        Ok(bus)
    }

    /// A bus that connects when it is used, and keeps trying: for programs that must start while
    /// the server is away.
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
        let transport = match self.target {
            Target::InProcess => Transport::in_process(Hub::new()),
            #[cfg(feature = "redis")]
            Target::Redis(url) => Transport::redis(&url, &self.settings).map_err(error)?,
        };
        Ok(Bus {
            inner: Inner::new(self.settings, None, transport),
        })
    }
}

fn conflict() -> Option<Cause> {
    let (a, b) = registry::conflict()?;
    Some(Cause::Conflict(
        format!(
            "two services use channel `{}` for different events: {a} and {b}; give one of them \
             another channel, or both the same event",
            a.channel()
        )
        .into(),
    ))
}

/// The keys and values of a bus, for tests of both kinds of it.
#[doc(hidden)]
#[must_use]
pub fn kv(bus: &Bus) -> Kv {
    bus.kv()
}

/// Publishes bytes as they are, so that tests can send what no event encodes to.
#[doc(hidden)]
pub async fn publish_raw(bus: &Bus, channel: &str, payload: &[u8]) -> Result<u64, Cause> {
    let name = bus.inner.settings().full_name(channel);
    bus.inner.publish(&name, payload.to_vec()).await
}
