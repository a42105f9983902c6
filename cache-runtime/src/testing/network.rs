//! Outages of a bus in process.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::bus::{Bus, Health};
use crate::transport::{Attachment, Transport};

/// The network between a bus in process and what stands in for its server, to be cut in tests.
///
/// Each [instance](Bus::another_instance) has its own, so that one can be cut off from the others. What
/// follows is what follows when Redis is lost:
///
/// | | [`disconnect`](Self::disconnect) | [`silence`](Self::silence) |
/// |---|---|---|
/// | the bus notices | at once | when its [lease](crate::bus::BusBuilder::lease) ends |
/// | then its health is | [`Down`](Health::Down), its coherent caches are flushed, and serve and store nothing, unless their `WhileDown` says otherwise | the same |
/// | events of others | do not arrive | do not arrive |
/// | publishing, and keys in Redis | fails as unreachable | fails as not answered in time, without waiting for that time |
/// | what this instance publishes | waits in the outbox | waits in the outbox |
/// | `settled` and `confirmed` of others | wait until the lease has ended | the same |
///
/// [`reconnect`](Self::reconnect) ends either. Then the bus connects, and flushes caches and handlers
/// before it is live. A [`RedisCache`](crate::RedisCache) asks its server again half a second after the
/// latest request that has failed.
///
/// Clones are the same network. It keeps no bus alive.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use cache_runtime::testing::Network;
/// use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
///
/// # #[derive(InvalidationEvent)]
/// # enum UserEvent { User { user_id: String }, All }
/// # #[cache_invalidation(channel = "cache:users-network", event = UserEvent)]
/// # struct Users;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let here = Bus::in_process();
/// let there = here.another_instance();
/// let names = CoherentCache::<String, u32>::builder("names", Duration::from_secs(9))
///     .evict_on(&Users::new(&there), |event| match event {
///         UserEvent::User { user_id } => Evict::key(user_id),
///         UserEvent::All => Evict::All,
///     })
///     .build()?;
/// there.ready().await?;
/// names.get_or_load("7", || async { 1 }).await;
///
/// let network = Network::of(&there);
/// network.disconnect().await;
/// assert_eq!(names.get("7"), None);
/// Users::new(&here).invalidate_user("7").await?; // is lost on its way to `there`
///
/// network.reconnect().await;
/// assert!(there.health().is_live());
/// assert_eq!(names.get_or_load("7", || async { 2 }).await, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Network {
    attachment: Arc<Attachment>,
    health: watch::Receiver<Health>,
}

impl Network {
    /// The network of a bus in process.
    ///
    /// # Panics
    ///
    /// If the bus is over Redis. Cut the network of a server itself, such as with a proxy.
    #[must_use]
    #[track_caller]
    pub fn of(bus: &Bus) -> Self {
        let transport = bus.shared().servers().one();
        let Some(attachment) = transport.and_then(Transport::attachment) else {
            panic!("the network of {bus:?} cannot be cut: expected a bus in process");
        };
        Self {
            attachment: Arc::clone(attachment),
            health: bus.watch_health(),
        }
    }

    /// Ends the connections of the bus, and lets none be made. Returns when the bus has noticed: at once
    /// if nothing is subscribed.
    ///
    /// # Cancel safety
    ///
    /// The first poll cuts the network. If the future is dropped after that, the bus notices all the
    /// same.
    pub async fn disconnect(&self) {
        // An error if nothing is subscribed.
        let _ = self.attachment.disconnect().await;
    }

    /// Lets nothing pass from now on, in either direction, while connections stay open. The bus notices
    /// when its lease ends, and serves what it has cached until then.
    pub fn silence(&self) {
        self.attachment.silence();
    }

    /// Lets everything pass again, and returns when the bus is live: at once if nothing is subscribed.
    ///
    /// The bus connects without the wait that it would else make between two attempts. After a silence
    /// it opens a new connection, because the old one has lost what was sent meanwhile.
    ///
    /// # Cancel safety
    ///
    /// The first poll restores the network. If the future is dropped after that, the bus connects all
    /// the same.
    pub async fn reconnect(&self) {
        // Until then, a connection that was silent may be taken for live.
        let _ = self.attachment.reconnect().await;
        let over =
            |health: &Health| health.is_live() || matches!(health, Health::Idle | Health::Closed);
        drop(self.health.clone().wait_for(over).await);
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("is_up", &self.attachment.reached().is_ok())
            .finish_non_exhaustive()
    }
}
