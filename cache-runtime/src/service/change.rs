//! A change that is announced once its transaction has committed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::core::{Begun, Core};
use super::sending::Keeper;
use crate::counters::count;
use crate::error::Fate;
use crate::event::{InvalidationEvent, Publishing, Settler};

/// The longest lag of a replica. A longer one is a mistake, and adding it could overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// An event that is published once its transaction has committed.
///
/// [`Invalidator::begin_change`](super::Invalidator::begin_change) makes it. Say how the transaction
/// ended, with [`committed`](Self::committed) or [`rolled_back`](Self::rolled_back). If it is dropped
/// without either, such as by a `?` or a panic, it is unknown whether the transaction has committed.
/// Then the event evicts here, and the bus sends it in the background, because one event too many
/// costs a load, and one too few leaves old values in caches. That is logged, and counted as
/// [`undecided`](super::ChannelStats::undecided).
#[must_use = "an event is published by `committed`"]
pub struct Change<E: InvalidationEvent> {
    core: Arc<Core<E>>,
    /// `None` once it is decided.
    event: Option<E>,
    replica_lag: Option<Duration>,
}

impl<E: InvalidationEvent> Change<E> {
    pub(super) fn new(core: &Arc<Core<E>>, event: E) -> Self {
        Self {
            core: Arc::clone(core),
            event: Some(event),
            replica_lag: None,
        }
    }

    /// Publishes the event once more when `lag` has passed after the commit, for instances that load
    /// from a replica which may be that far behind.
    ///
    /// They may load the old value from the replica after the first event, and keep it until the
    /// second. The bus sends the second by itself: it need not be awaited. It is sent when the lag has
    /// passed, and never before. Where equal events follow each other within the lag, one may be sent
    /// for several of them, each within twice its lag. What the server does not take then is sent when
    /// it does. In a cluster, a node that does not answer may hold up events for others by the time to
    /// connect and to answer and the longest wait between two attempts: 4 s by default. Closing the bus
    /// sends it early. A lag of more than a day counts as a day. With the
    /// [outbox](crate::bus::BusBuilder::outbox) off, there is no second event, which is logged.
    pub fn replica_lag(mut self, lag: Duration) -> Self {
        self.replica_lag = Some(lag.min(LONGEST));
        self
    }

    /// The transaction has committed: evicts on this instance at once, and publishes the event when
    /// the future is awaited.
    ///
    /// # Errors
    ///
    /// As [`Invalidator::publish`](super::Invalidator::publish).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, even before its first poll, the outbox sends the event.
    #[expect(
        clippy::missing_panics_doc,
        reason = "only `self` decides, and it is gone"
    )]
    pub fn committed(mut self) -> Publishing<'static> {
        let core = Arc::clone(&self.core);
        let settle = Settler::Held(Arc::clone(&core) as _);
        let begun = self.begin();
        let publishing = async move {
            let (event, begun) = begun.expect("a change is decided once");
            core.finish(&event, begun).await
        };
        Publishing::new(publishing, settle)
    }

    /// The transaction has changed nothing: nothing is evicted or published.
    pub fn rolled_back(mut self) {
        self.event = None;
    }

    /// Evicts on this instance.
    fn begin(&mut self) -> Option<(E, Begun<E>)> {
        let event = self.event.take()?;
        let begun = self.core.begin(&event, Keeper::Outbox);
        if let (Some(lag), Ok(sending)) = (self.replica_lag, &begun.sending) {
            sending.send_after(lag);
        }
        Some((event, begun))
    }
}

impl<E: InvalidationEvent> Drop for Change<E> {
    fn drop(&mut self) {
        let Some((event, begun)) = self.begin() else {
            return;
        };
        count(&self.core.channel.counters.undecided);
        let what_follows = match begun.leave() {
            Ok(Fate::Deferred | Fate::Kept) => "its event is sent".to_owned(),
            Ok(Fate::Off | Fate::Refused) => "its event is not sent".to_owned(),
            Err(error) => error.to_string(),
        };
        warn!(
            channel = %self.core.name(), event = %event.describe(),
            "a change was dropped without `committed` or `rolled_back`; {what_follows}"
        );
    }
}

impl<E: InvalidationEvent> fmt::Debug for Change<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.event.as_ref().map(E::describe);
        f.debug_struct("Change")
            .field("channel", self.core.name())
            .field("event", &event.map(|event| event.to_string()))
            .field("replica_lag", &self.replica_lag)
            .finish()
    }
}
