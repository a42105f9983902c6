//! What a relay needs of a database.

use std::error::Error;
use std::time::Duration;

/// An event that was committed, and is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Tells the row from all others of its table. It is never used again.
    pub id: i64,
    /// The channel, without the namespace of a bus.
    pub channel: String,
    /// The event in JSON.
    pub payload: Vec<u8>,
}

/// The table of a transactional outbox, as a [`Relay`](super::Relay) uses it.
///
/// This crate implements it for SQLite and PostgreSQL. Implement it for other databases.
///
/// One relay at a time holds the lease on the table. That saves publishing events twice, and nothing
/// depends on it: a row is deleted only after its event was published, and events are idempotent.
///
/// A call that takes longer than the lease is cancelled. The next call should then not wait for what
/// the cancelled one has waited for: connect anew.
pub trait Store: Send + Sync {
    /// Why the database could not be asked.
    type Error: Error + Send + Sync + 'static;

    /// The committed rows with ids greater than `after`, at most `limit` of them, in the order of
    /// their ids. If there are any, first takes the lease or renews it.
    ///
    /// `None` if another owner holds the lease. If there are no rows, no lease is needed, so the
    /// answer is an empty `Vec`.
    ///
    /// The lease ends after `lease`, by a clock that all relays share, such as the database's.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    fn take(
        &self,
        owner: &str,
        lease: Duration,
        after: i64,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Vec<Row>>, Self::Error>> + Send;

    /// Deletes rows whose events were published. If `release`, also ends the owner's lease.
    ///
    /// The rows are to be deleted even if the owner's lease has ended. Some may be deleted already.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    fn delete(
        &self,
        owner: &str,
        ids: &[i64],
        release: bool,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Waits until there may be more rows. A relay also looks for them by itself from time to time,
    /// so a database that does not report new rows may wait forever, as the default does.
    fn changed(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}
