//! The writer's side: a row for an event.

use std::error::Error;
use std::fmt;

use crate::error::{PublishError, sources};
use crate::event::InvalidationEvent;
use crate::service::Invalidator;

/// A row for an event, which is to be committed together with what the event is about.
///
/// The functions `add` of this module's databases write it. For other drivers, make one with
/// [`new`](Self::new), and insert [`channel`](Self::channel) and [`payload`](Self::payload) in your
/// own transaction.
#[must_use = "call `committed` after the commit: this instance then evicts, and its relay publishes at once"]
pub struct NewRow<'a, E: InvalidationEvent> {
    service: &'a Invalidator<E>,
    event: &'a E,
    channel: &'static str,
    payload: String,
}

impl<'a, E: InvalidationEvent> NewRow<'a, E> {
    /// The row for an event of a service.
    ///
    /// # Errors
    ///
    /// When the event cannot be encoded, or is too large to be published.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
    /// use cache_runtime::transactional_outbox::NewRow;
    ///
    /// # #[derive(InvalidationEvent)]
    /// # enum UserEvent { User { user_id: u64 }, All }
    /// # #[cache_invalidation(channel = "cache:outbox-users", event = UserEvent)]
    /// # struct Users;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let users = Users::new(&Bus::in_process());
    /// let event = UserEvent::User { user_id: 7 };
    /// let row = NewRow::new(&users, &event)?;
    /// assert_eq!(row.channel(), "cache:outbox-users");
    /// assert_eq!(row.payload(), r#"{"type":"user","userId":7}"#);
    /// // In your transaction: INSERT INTO cache_outbox (channel, payload) VALUES (…, …)
    /// // After its commit:
    /// row.committed();
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(service: &'a Invalidator<E>, event: &'a E) -> Result<Self, PublishError> {
        let core = Invalidator::core_of(service);
        let payload = core.encode(event)?;
        Ok(Self {
            service,
            event,
            channel: core.declared.channel(),
            // JSON is UTF-8.
            payload: String::from_utf8_lossy(&payload).into_owned(),
        })
    }

    /// The channel, without the namespace of the bus: the relay's bus adds its own.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.channel
    }

    /// The event in JSON, as it is on the wire.
    #[must_use]
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// To be called after the commit. This instance evicts at once what the event makes stale, so it
    /// reads its own writes, even while Redis is away. The relays of the same bus publish at once.
    ///
    /// Without it, the event is published all the same: a relay finds the row within its
    /// [`poll_interval`](super::Relay::poll_interval).
    ///
    /// After a rollback, drop the row instead.
    pub fn committed(self) {
        let core = Invalidator::core_of(self.service);
        core.evict_here(self.event);
        core.bus.committed().send_replace(());
    }
}

impl<E: InvalidationEvent> fmt::Debug for NewRow<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRow")
            .field("channel", &self.channel)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}

/// An event could not be added to the outbox. `D` is the error of the database's driver.
#[derive(Debug)]
#[non_exhaustive]
pub enum AddError<D> {
    /// The event cannot be encoded, or is too large.
    Event(PublishError),
    /// There is no transaction, so the event could be committed without the change, or the change
    /// without the event.
    NoTransaction,
    /// The database has refused the row.
    Database(D),
}

impl<D: Error + 'static> fmt::Display for AddError<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event could not be added to the outbox")?;
        if let Self::NoTransaction = self {
            f.write_str(
                ": the connection is not in a transaction; begin one for it and the change",
            )?;
        }
        sources(self, f)
    }
}

impl<D: Error + 'static> Error for AddError<D> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Event(error) => Some(error),
            Self::NoTransaction => None,
            Self::Database(error) => Some(error),
        }
    }
}
