//! The same request twice within seconds: whoever reserves it first handles it.

mod audited;
mod builder;
mod error;
mod stored;

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bus::Bus;
use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::transport::DeleteIf;
pub use builder::Builder;
pub use error::DedupError;
use error::Reason;

/// Sees to it that of equal requests within a few seconds one is handled, whichever instances
/// receive them.
///
/// A request is known by a key, such as the ID of the message that asks for it. An instance that
/// [reserves](Self::reserve) the key handles the request; to the others it is a duplicate. The
/// reservation is in Redis, where it is made and given its TTL in one step, so of any number of
/// concurrent attempts exactly one succeeds. It ends with its TTL, or when its owner
/// [releases](Self::release) it. Clones are the same, and so are those of equal names on buses of
/// the same server and namespace.
///
/// # When Redis is away
///
/// It fails closed: whatever keeps Redis from answering is an error, never a reservation, and so is
/// a key that holds something else. A reservation is worth as much as the server's memory: after a
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
/// // Bus::redis("redis://127.0.0.1").connect().await? in earnest.
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
    inner: Arc<Inner>,
}

struct Inner {
    name: Arc<str>,
    place: &'static Location<'static>,
    ttl: Duration,
    kv: Keyspace,
    reserved: AtomicU64,
    duplicates: AtomicU64,
    /// Why the last question had no answer.
    failed: Mutex<Option<Cause>>,
}

/// Who is to handle a request.
#[must_use = "without looking at it the request is handled twice, or not at all"]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reservation {
    /// Whoever asked, and nobody else until the TTL is over.
    Reserved,
    /// Somebody who asked before.
    Duplicate {
        /// Who that is, in the words of his own [`reserve`](Dedup::reserve).
        owner: String,
    },
}

/// What became of a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Release {
    /// The reservation was there, and has ended.
    Released,
    /// It is somebody else's, and goes on.
    NotYours {
        /// Whose it is.
        owner: String,
    },
    /// There is none any more.
    Gone,
}

impl Dedup {
    /// Settings of a deduplication over a bus, under a name of letters, digits, `-`, `_` and `.`.
    ///
    /// A reservation is stored under `name:d:key`, with the namespace of the bus in front, if it has
    /// one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Bus, Dedup};
    ///
    /// # fn main() -> Result<(), cache_runtime::BuildError> {
    /// let bus = Bus::in_process();
    /// let orders = Dedup::builder(&bus, "orders").ttl(Duration::from_secs(30)).build()?;
    ///
    /// let error = Dedup::builder(&bus, "the orders").build().unwrap_err();
    /// assert!(error.to_string().contains("name"));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn builder(bus: &Bus, name: impl Into<String>) -> Builder {
        Builder::new(bus, name.into(), Location::caller())
    }

    /// Reserves a key, unless it is reserved already, by whomsoever.
    ///
    /// `owner` is who the caller says he is to those who come later, and when he releases it. If the
    /// answer to an earlier attempt was lost, the owner of a duplicate is the caller himself.
    ///
    /// # Errors
    ///
    /// When Redis cannot be asked, does not answer or refuses, the bus is closed, or the key holds
    /// something else, which stays. The request must then not be taken for reserved; it may be all
    /// the same, if only the answer was lost, and then is until the TTL is over.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have reserved the key.
    pub async fn reserve(&self, key: &str, owner: &str) -> Result<Reservation, DedupError> {
        let inner = &*self.inner;
        let (full, value) = (inner.key(key), stored::encode(owner));
        let found = inner.kv.set_if_absent(&full, &value, inner.ttl).await;
        let Some(found) = inner.heard(Doing::Reserve, key, found)? else {
            inner.reserved.fetch_add(1, Ordering::Relaxed);
            return Ok(Reservation::Reserved);
        };
        let owner = inner.owner(Doing::Reserve, key, &found)?;
        inner.duplicates.fetch_add(1, Ordering::Relaxed);
        Ok(Reservation::Duplicate { owner })
    }

    /// Ends a reservation before its TTL, if it is this owner's: after the request has failed, so
    /// that it can be made again at once.
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
        let inner = &*self.inner;
        let (full, start) = (inner.key(key), stored::start(owner));
        let deleted = inner.kv.delete_if_starts_with(&full, &start).await;
        let found = match inner.heard(Doing::Release, key, deleted)? {
            DeleteIf::Deleted => return Ok(Release::Released),
            DeleteIf::Missing => return Ok(Release::Gone),
            DeleteIf::Other(found) => found,
        };
        let actual = inner.owner(Doing::Release, key, &found)?;
        if actual != owner {
            return Ok(Release::NotYours { owner: actual });
        }
        // By somebody who spells JSON in another way.
        let deleted = inner.kv.delete_if_equal(&full, &found).await;
        Ok(match inner.heard(Doing::Release, key, deleted)? {
            DeleteIf::Deleted => Release::Released,
            // What was found has ended. If it was reserved once more, that was not meant.
            DeleteIf::Missing | DeleteIf::Other(_) => Release::Gone,
        })
    }

    /// How many keys are reserved, for monitoring. Redis looks at every key that it has, in steps
    /// between which it does other work; what comes or goes meanwhile may be counted or not.
    ///
    /// # Errors
    ///
    /// When Redis cannot be asked, does not answer or refuses, or the bus is closed.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn size(&self) -> Result<u64, DedupError> {
        let inner = &*self.inner;
        let count = inner.kv.count(&inner.key("")).await;
        inner.heard(Doing::Count, "", count)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }
}

/// What an error interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Reserve,
    Release,
    Count,
}

impl Inner {
    fn key(&self, key: &str) -> String {
        format!("{}:d:{key}", self.name)
    }

    fn owner(&self, doing: Doing, key: &str, stored: &[u8]) -> Result<String, DedupError> {
        let owner = stored::decode(stored).map_err(|found| Reason::Unreadable(found.into()));
        owner.map_err(|reason| DedupError::new(&self.name, doing, key, reason))
    }

    /// Remembers whether there was an answer.
    fn heard<T>(&self, doing: Doing, key: &str, answer: Result<T, Cause>) -> Result<T, DedupError> {
        *self.failed() = answer.as_ref().err().cloned();
        answer.map_err(|cause| DedupError::new(&self.name, doing, key, Reason::Redis(cause)))
    }

    fn failed(&self) -> MutexGuard<'_, Option<Cause>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Dedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedup")
            .field("name", &self.inner.name)
            .field("ttl", &self.inner.ttl)
            .finish_non_exhaustive()
    }
}
