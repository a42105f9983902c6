//! A whole data set in memory that always answers, and is loaded again when an event arrives.

mod audited;
mod builder;
mod error;
mod freshness;
mod load;
mod policy;
mod reader;
mod shared;
mod signals;
mod stats;
mod subscribe;
mod task;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::coherent::proof;
use crate::health::Health;
use crate::service::Subscription;
pub use builder::Builder;
pub use error::LoadError;
pub use freshness::{Freshness, Reading, StaleCause};
pub use policy::WhileDown;
pub use reader::Reader;
use shared::Shared;
pub use stats::SnapshotStats;

/// A small data set that is loaded as a whole, always answers, and is loaded again when an event
/// arrives.
///
/// For settings, deny lists and feature flags: what every request reads, and no request should wait
/// for. Clones are the same snapshot. It ends with its last handle.
///
/// # What is promised
///
/// - **It always answers.** [`load`](Builder::load) fails if the first load does. From then on
///   [`get`](Self::get) returns the last value that was loaded, without waiting. A load that fails is
///   tried again, and its snapshot keeps the last value.
/// - **It says what is proven.** Like a [`CoherentCache`](crate::CoherentCache), a snapshot knows
///   whether events are [proven](crate::bus::Health::Live) to arrive. [`read`](Self::read) and
///   [`freshness`](Self::freshness) tell whether the value is current, and if not, why and how old it
///   is. Where staleness is wrong, take [`get_fresh`](Self::get_fresh): it returns a value that is
///   proven to be current, or one whose load began after the call, or an error.
/// - **No load too few.** A load counts only for events that came before it began. Later ones are
///   followed by another load. After any loss of events the value is loaded again as soon as events are
///   proven to arrive.
/// - **No load too many.** There is one load at a time, and [`reload_interval`] between two. A burst of
///   events costs one or two loads. A stream of events does not hold loads up.
/// - **An instance reads its own writes.** An event that it publishes makes the value stale before it is
///   sent.
///
/// `get` does not keep the promise of a `CoherentCache`, because it has to answer. After an event it
/// returns the old value until the load has ended, and while events are not proven to arrive it returns
/// the last value.
///
/// [`reload_interval`]: Builder::reload_interval
///
/// # Examples
///
/// ```
/// use std::collections::HashSet;
/// use cache_runtime::{Bus, InvalidationEvent, Snapshot, cache_invalidation};
///
/// #[derive(InvalidationEvent)]
/// enum DenyListEvent {
///     Word { word: String },
///     Renamed,
///     All,
/// }
///
/// #[cache_invalidation(channel = "cache:deny-list-example", event = DenyListEvent)]
/// struct DenyLists;
///
/// # async fn from_the_database() -> std::io::Result<HashSet<String>> { Ok(["spam".to_owned()].into()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = Bus::in_process();
/// let service = DenyLists::new(&bus);
/// let denied = Snapshot::builder("denied-words", from_the_database)
///     .reload_on(&service, |event| match event {
///         DenyListEvent::Word { .. } | DenyListEvent::All => true,
///         DenyListEvent::Renamed => false,
///     })
///     .load()
///     .await?; // the service is not ready before
/// bus.ready().await?;
///
/// assert!(denied.get().contains("spam"));
///
/// // The database is changed, and then:
/// service.invalidate_word("ham").await?;
/// // `get` returns the new list as soon as it is loaded; this waits for it.
/// assert!(denied.get_fresh().await?.contains("spam"));
/// # Ok(())
/// # }
/// ```
pub struct Snapshot<T> {
    handle: Arc<Handle<T>>,
}

/// Ends the task and the subscriptions with the last handle.
struct Handle<T> {
    shared: Arc<Shared<T>>,
    task: AbortHandle,
    _subscriptions: Vec<Subscription>,
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T: Send + Sync + 'static> Snapshot<T> {
    /// The value that was loaded last, whether or not it is [proven](Self::freshness) to be current.
    ///
    /// It takes a lock that is held only to copy or replace an `Arc`. A [`reader`](Self::reader) takes
    /// none.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.shared().value.borrow())
    }

    /// The value, and whether it is proven to be current.
    #[must_use]
    pub fn read(&self) -> Reading<T> {
        // The freshness first: the value may be newer than that, but not older.
        let freshness = self.freshness();
        Reading {
            value: self.get(),
            freshness,
        }
    }

    /// Whether the value is proven to be current. A value that is read after this is as current as it
    /// says, or more so.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        self.shared().freshness()
    }

    /// The value if it is proven to be current, or else that of a load that begins after this call.
    ///
    /// So it is never older than the last event before the call, nor, while events are not proven to
    /// arrive, than the call itself. Callers share loads, and there is
    /// [`reload_interval`](Builder::reload_interval) between two: while events are not proven to arrive,
    /// a call may take that long and the time of two loads.
    ///
    /// # Errors
    ///
    /// When that load fails. [`get`](Self::get) still has the last value.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind but a load.
    pub async fn get_fresh(&self) -> Result<Arc<T>, LoadError> {
        if self.shared().is_fresh() {
            return Ok(self.get());
        }
        self.reload().await
    }

    /// Waits for a load that begins after this call, and returns its value.
    ///
    /// If the last load has failed, this does not wait for the backoff.
    ///
    /// # Errors
    ///
    /// When that load fails, or when the runtime in which the snapshot was loaded has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves nothing behind but a load.
    pub async fn reload(&self) -> Result<Arc<T>, LoadError> {
        self.shared().reload().await
    }

    /// The time since the load of the value began.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.shared().age()
    }

    /// The name given to [`builder`](Self::builder).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared().loader.name
    }

    /// The health of the first channel on which events are not proven to arrive, among those of
    /// [`reload_on`](Builder::reload_on).
    ///
    /// It is [`Live`](Health::Live) if there is no such channel.
    #[must_use]
    pub fn health(&self) -> Health {
        proof::health(self.shared().proofs.iter())
    }

    /// What has happened in the snapshot.
    #[must_use]
    pub fn stats(&self) -> SnapshotStats {
        self.shared().stats()
    }

    fn shared(&self) -> &Shared<T> {
        &self.handle.shared
    }
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
        }
    }
}

impl<T> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("name", &self.handle.shared.loader.name)
            .finish_non_exhaustive()
    }
}
