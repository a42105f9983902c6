//! Deduplication: of equal requests within a few seconds, the instance that reserves their key
//! handles one.

mod audited;
mod builder;
mod error;
mod json;
mod shared;
mod stats;

use std::fmt;
use std::sync::Arc;

use crate::counters::count;
use crate::transport::DeleteIf;
pub use builder::Builder;
pub use error::DedupError;
use error::Doing;
pub use json::Json;
use shared::Shared;
pub use stats::DedupStats;

/// Lets one instance handle a request that arrives several times within a few seconds, at one or
/// several instances.
///
/// A request has a key, such as the ID of the message that asks for it. The instance that
/// [reserves](Self::reserve) the key handles the request; for the others it is a duplicate. The
/// reservation is made in Redis, together with its TTL and in one step. So of any number of
/// concurrent attempts exactly one succeeds. A reservation ends with its TTL, or when its owner
/// [releases](Self::release) it. Clones share their reservations, and so do deduplications of one
/// name on buses of the same server and namespace.
///
/// # When Redis is away
///
/// It fails closed: if Redis does not answer, or the key holds something else, the result is an
/// error, never a reservation. A reservation lasts no longer than the memory of the server. After a
/// restart without persistence, a failover or a `FLUSHALL` the key can be reserved again.
///
/// # Examples
///
/// ```
/// use cache_runtime::dedup::Reservation;
/// use cache_runtime::{Bus, Dedup};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In production: Bus::redis("redis://127.0.0.1").connect().await?
/// let bus = Bus::in_process();
/// let requests = Dedup::builder(&bus, "requests").build()?;
/// // Another instance.
/// let elsewhere = Dedup::builder(&bus.another_instance(), "requests").build()?;
///
/// match requests.reserve("message:42", "bot-1").await? {
///     Reservation::Reserved => println!("42 is ours to handle"),
///     Reservation::Duplicate { owner } => println!("{owner} handles 42"),
/// }
/// # assert_eq!(requests.size().await?, 1);
///
/// let again = elsewhere.reserve("message:42", "bot-2").await?;
/// assert_eq!(again, Reservation::Duplicate { owner: "bot-1".to_owned() });
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Dedup {
    shared: Arc<Shared>,
}

/// Who handles a request.
#[must_use = "without looking at it the request is handled twice, or not at all"]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reservation {
    /// The caller handles it: the key is now reserved for the caller.
    Reserved,
    /// The owner of an earlier reservation handles it.
    Duplicate {
        /// The owner, as given to [`reserve`](Dedup::reserve).
        owner: String,
    },
}

/// The answer of [`Dedup::release`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Release {
    /// The reservation was there, and has ended.
    Released,
    /// The reservation has another owner, and stays.
    NotYours {
        /// Its owner.
        owner: String,
    },
    /// There was no reservation any more.
    Gone,
}

impl Dedup {
    /// Reserves a key, unless it is reserved already.
    ///
    /// `owner` names the caller: later callers receive the name, and [`release`](Self::release)
    /// needs it. A duplicate may have the caller's own name, if the answer to an earlier call was
    /// lost.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, does not answer or refuses, the bus is closed, or the key
    /// holds something else, which stays. The caller must then not handle the request. If only the
    /// answer was lost, the key is reserved all the same, until its TTL is over.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have reserved the key.
    pub async fn reserve(&self, key: &str, owner: &str) -> Result<Reservation, DedupError> {
        let shared = &*self.shared;
        let (full, value) = (shared.key(key), shared.codec.encode(owner));
        let found = shared
            .keyspace
            .set_if_absent(&full, &value, shared.ttl)
            .await;
        let Some(found) = shared.checked(Doing::Reserve, key, found)? else {
            count(&shared.counters.reserved);
            return Ok(Reservation::Reserved);
        };
        let owner = shared.owner(Doing::Reserve, key, &found)?;
        count(&shared.counters.duplicates);
        Ok(Reservation::Duplicate { owner })
    }

    /// Ends a reservation of this owner before its TTL.
    ///
    /// Use it after the request has failed, so that the request can be made again at once.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve). The reservation may have ended all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have ended the reservation.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::dedup::{Release, Reservation};
    /// use cache_runtime::{Bus, Dedup};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let requests = Dedup::builder(&Bus::in_process(), "requests").build()?;
    /// assert_eq!(requests.reserve("42", "bot-1").await?, Reservation::Reserved);
    ///
    /// let owner = "bot-1".to_owned();
    /// assert_eq!(requests.release("42", "bot-2").await?, Release::NotYours { owner });
    /// assert_eq!(requests.release("42", "bot-1").await?, Release::Released);
    /// assert_eq!(requests.release("42", "bot-1").await?, Release::Gone);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn release(&self, key: &str, owner: &str) -> Result<Release, DedupError> {
        let shared = &*self.shared;
        let (full, start) = (shared.key(key), shared.codec.start(owner));
        let deleted = shared
            .keyspace
            .delete_if_starts_with(&full, start.as_bytes())
            .await;
        let found = match shared.checked(Doing::Release, key, deleted)? {
            DeleteIf::Deleted => return Ok(self.released()),
            DeleteIf::Missing => return Ok(Release::Gone),
            DeleteIf::Other(found) => found,
        };
        let actual = shared.owner(Doing::Release, key, &found)?;
        if actual != owner {
            return Ok(Release::NotYours { owner: actual });
        }
        // Another program wrote it, and formats JSON differently.
        let deleted = shared.keyspace.delete_if_equal(&full, &found).await;
        Ok(match shared.checked(Doing::Release, key, deleted)? {
            DeleteIf::Deleted => self.released(),
            // The reservation that was found has ended. A newer one is not the caller's to release.
            DeleteIf::Missing | DeleteIf::Other(_) => Release::Gone,
        })
    }

    fn released(&self) -> Release {
        count(&self.shared.counters.released);
        Release::Released
    }

    /// How many keys are reserved, for monitoring.
    ///
    /// Redis goes through all of its keys, in steps between which it does other work. Keys that
    /// come or go meanwhile may be counted or not.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, does not answer or refuses, or the bus is closed.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn size(&self) -> Result<u64, DedupError> {
        let shared = &*self.shared;
        let count = shared.keyspace.count(&shared.key("")).await;
        shared.checked(Doing::Count, "", count)
    }

    /// What has happened in the deduplication.
    #[must_use]
    pub fn stats(&self) -> DedupStats {
        self.shared.counters.snapshot()
    }

    /// The name given to [`builder`](Self::builder).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }
}

impl fmt::Debug for Dedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedup")
            .field("name", &self.shared.name)
            .field("ttl", &self.shared.ttl)
            .finish_non_exhaustive()
    }
}
