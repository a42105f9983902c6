//! Cooldowns in Redis, for all instances.

mod audited;
mod builder;
mod error;
mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::cooldown::Start;
use crate::counters::{count, counters};
use crate::random::nonce;
pub use builder::Builder;
use error::Doing;
pub use error::RedisCooldownError;
use shared::Shared;

/// Keeps what was done for a key from being done again too soon, by any instance.
///
/// For rate limits that count for all instances together. The cooldown of a key is started in Redis,
/// together with its end and in one step. So of any number of concurrent callers exactly one starts it.
/// Where each instance may keep a limit by itself, a [`Cooldown`](crate::Cooldown) needs no server.
/// Clones share their cooldowns, and so do those of one name on buses of the same server and namespace.
///
/// # When Redis is away
///
/// It fails closed: if Redis does not answer, the result is an error, never a start. A cooldown lasts no
/// longer than the memory of the server. After a restart without persistence, a fail-over or a
/// `FLUSHALL`, the key can start again.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use cache_runtime::cooldown::Start;
/// use cache_runtime::{Bus, RedisCooldown};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In production: Bus::redis("redis://127.0.0.1").connect().await?
/// let bus = Bus::in_process();
/// let hour = Duration::from_secs(60 * 60);
/// let notified = RedisCooldown::builder(&bus, "notified", hour).build()?;
/// // Another instance.
/// let elsewhere = RedisCooldown::builder(&bus.another_instance(), "notified", hour).build()?;
///
/// assert_eq!(notified.try_start("ada").await?, Start::Started); // notify her
/// match elsewhere.try_start("ada").await? {
///     Start::Started => unreachable!("she was notified"),
///     Start::Remaining(left) => println!("not for another {left:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisCooldown {
    shared: Arc<Shared>,
}

counters! {
    /// What has happened in a [`RedisCooldown`], on this instance, since it was built.
    pub struct RedisCooldownStats from Counters {
        counted {
            /// Calls that started the cooldown of their key.
            started,
            /// Calls that found the cooldown of their key going on.
            refused,
            /// Calls that ended with an error.
            failed,
        }
    }
}

impl RedisCooldown {
    /// Starts the cooldown of a key, unless it was started before and goes on.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, does not answer or refuses, or the bus is closed. The caller must
    /// then not do what is limited. If only the answer was lost, the cooldown goes on all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have started the cooldown.
    pub async fn try_start(&self, key: &str) -> Result<Start, RedisCooldownError> {
        let shared = &*self.shared;
        let (full, value) = (shared.key(key), nonce());
        let claiming = shared
            .keyspace
            .claim(&full, value.as_bytes(), shared.period);
        Ok(match shared.checked(Doing::Start, key, claiming.await)? {
            None => {
                count(&shared.counters.started);
                Start::Started
            }
            Some(left) => {
                count(&shared.counters.refused);
                Start::Remaining(left)
            }
        })
    }

    /// Starts the cooldown of a key for a time of its own, from now on, such as a provider has named it
    /// in `Retry-After`. What was left of the key's cooldown does not count any more. A time of zero ends
    /// it.
    ///
    /// # Errors
    ///
    /// As [`try_start`](Self::try_start).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have started the cooldown.
    pub async fn start_for(&self, key: &str, time: Duration) -> Result<(), RedisCooldownError> {
        let shared = &*self.shared;
        let full = shared.key(key);
        let answer = if time.is_zero() {
            shared.keyspace.remove(&full).await.map(drop)
        } else {
            let value = nonce();
            shared.keyspace.set(&full, value.as_bytes(), time).await
        };
        shared.checked(Doing::Start, key, answer)?;
        count(&shared.counters.started);
        Ok(())
    }

    /// How long the cooldown of a key still goes on; `None` if it may be started.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, does not answer or refuses, or the bus is closed.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn remaining(&self, key: &str) -> Result<Option<Duration>, RedisCooldownError> {
        let shared = &*self.shared;
        let left = shared.keyspace.ttl(&shared.key(key)).await;
        shared.checked(Doing::Read, key, left)
    }

    /// Ends the cooldown of a key; returns whether it was going on.
    ///
    /// # Errors
    ///
    /// As [`remaining`](Self::remaining). The cooldown may have ended all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have ended the cooldown.
    pub async fn reset(&self, key: &str) -> Result<bool, RedisCooldownError> {
        let shared = &*self.shared;
        let removed = shared.keyspace.remove(&shared.key(key)).await;
        shared.checked(Doing::Reset, key, removed)
    }

    /// What has happened in the cooldown, on this instance.
    #[must_use]
    pub fn stats(&self) -> RedisCooldownStats {
        self.shared.counters.snapshot()
    }

    /// The name given to [`builder`](Self::builder).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The length of a cooldown that [`try_start`](Self::try_start) starts.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.shared.period
    }
}

impl fmt::Debug for RedisCooldown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCooldown")
            .field("name", &self.shared.name)
            .field("period", &self.shared.period)
            .finish_non_exhaustive()
    }
}
