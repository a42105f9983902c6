//! The state that an `Invalidator` and its subscriptions share: a bus and one of its channels.

use std::iter::{self, zip};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tracing::{Instrument, debug, debug_span};

use super::sending::{Keeper, Sending};
#[cfg(feature = "testing")]
use super::tap;
use crate::bus::Shared;
use crate::channel::{Channel, DeclaredChannel, Deletion, Dispatch, Hook};
use crate::counters::count;
use crate::error::{Fate, NotSettled, PublishAllError, PublishError};
use crate::event::{InvalidationEvent, Publish, Publishing, Receipt, Settle, Settled, Settler};
use crate::health::{Cause, Health};
use crate::transport::Published;

pub(crate) struct Core<E: InvalidationEvent> {
    pub(crate) bus: Arc<Shared>,
    pub(crate) channel: Arc<Channel<E>>,
    pub(crate) declared: &'static DeclaredChannel,
}

impl<E: InvalidationEvent> Core<E> {
    /// The channel, with its namespace.
    pub(crate) fn name(&self) -> &Arc<str> {
        self.channel.name()
    }

    pub(crate) fn health(&self) -> Health {
        self.bus.checked(&self.channel.health)
    }

    /// Counts one more subscriber of the channel.
    pub(super) fn want(&self) {
        let channel: Arc<dyn Dispatch> = Arc::clone(&self.channel) as _;
        self.bus.want(&channel);
    }

    /// Counts one fewer subscriber of the channel.
    pub(super) fn unwant(&self) {
        self.bus.unwant(&*self.channel);
    }

    pub(super) async fn send(&self, event: &E, keeper: Keeper) -> Result<Receipt, PublishError> {
        // Before the first await, so that it happens even if this future is dropped later.
        let begun = self.begin(event, keeper);
        self.finish(event, begun).await
    }

    /// Sends several events. All evict on this instance before the first is sent.
    pub(super) async fn send_all(&self, events: &[E]) -> Result<Vec<Receipt>, PublishAllError> {
        let begun = events.iter().map(|it| self.begin(it, Keeper::Outbox));
        let begun: Vec<_> = begun.collect();
        let all = zip(events, begun).map(|(event, begun)| self.finish(event, begun));
        let (mut receipts, mut failed) = (Vec::new(), Vec::new());
        for (i, sent) in join_all(all).await.into_iter().enumerate() {
            match sent {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => failed.push((i, error)),
            }
        }
        if failed.is_empty() {
            return Ok(receipts);
        }
        Err(PublishAllError::new(events.len(), failed))
    }

    /// Evicts on this instance, and in Redis in the background. Sends nothing.
    pub(crate) fn evict_here(&self, event: &E) {
        let hooks = self.channel.hooks.snapshot();
        drop(self.channel.apply_published(event, &hooks));
    }

    /// Evicts on this instance.
    pub(super) fn begin(&self, event: &E, keeper: Keeper) -> Begun<E> {
        let hooks = self.channel.hooks.snapshot();
        let deletions = self.channel.apply_published(event, &hooks);
        let channel = Arc::clone(&self.channel) as _;
        let new = |payload| Sending::new(keeper, self.bus.outbox(), channel, payload);
        let payload = self.encode(event);
        #[cfg(feature = "testing")]
        if let Ok(payload) = &payload
            && !self.bus.is_closed()
        {
            tap::published(|| self.bus.store(), self.name(), payload);
        }
        Begun {
            hooks,
            deletions,
            sending: payload.map(new),
        }
    }

    pub(super) async fn finish(&self, event: &E, begun: Begun<E>) -> Result<Receipt, PublishError> {
        let Begun {
            hooks,
            deletions,
            sending,
        } = begun;
        let sending = sending?;
        let (here, elsewhere): (Vec<_>, Vec<_>) = deletions
            .into_iter()
            .partition(|deletion| deletion.bus() == self.bus.id());
        let keys: Vec<String> = here.iter().flat_map(|here| here.keys()).cloned().collect();
        let deleted = join_all(elsewhere.iter().map(|elsewhere| elsewhere.carry_out())).await;
        let elsewhere = zip(elsewhere, deleted);

        let payload = sending.payload();
        let echo = self.channel.expect_echo(payload, &hooks);
        let span = debug_span!("channel.publish", channel = &**self.name());
        let publication = self.bus.publish(self.name(), payload, &keys);
        let published = publication.instrument(span).await;
        let published = published.unwrap_or_else(|cause| Published {
            receivers: Err(cause.clone()),
            deleted: Err(cause),
        });
        let overtaken = match &published.receivers {
            Ok(_) => {
                echo.published();
                false
            }
            Err(_) => echo.failed(),
        };
        let here = here.into_iter().zip(iter::repeat(published.deleted));
        let failed = end(here.chain(elsewhere), overtaken);
        let sent = self.record(event, sending, published.receivers);
        if failed.is_empty() {
            return sent;
        }
        let name = Arc::clone(self.name());
        Err(PublishError::not_evicted_from(name, sent.err(), failed))
    }

    pub(crate) fn encode(&self, event: &E) -> Result<Vec<u8>, PublishError> {
        let name = self.name();
        let payload = event
            .encode()
            .map_err(|error| PublishError::encode(Arc::clone(name), error))?;
        let (length, limit) = (payload.len(), self.bus.settings().max_payload);
        if length > limit {
            return Err(PublishError::too_large(Arc::clone(name), length, limit));
        }
        Ok(payload)
    }

    /// Counts and logs a publication. If it has failed, the outbox may keep the event.
    fn record(
        &self,
        event: &E,
        sending: Sending,
        receivers: Result<u64, Cause>,
    ) -> Result<Receipt, PublishError> {
        let (name, counters) = (self.name(), &self.channel.counters);
        match receivers {
            Ok(receivers) => {
                count(&counters.published);
                if self.declared.logging().publish {
                    debug!(channel = %name, event = %event.describe(), receivers, "event published");
                }
                sending.published();
                Ok(Receipt::new(receivers, self.bus.is_live()))
            }
            Err(cause) => {
                let fate = sending.failed(&cause);
                Err(PublishError::transport(Arc::clone(name), cause, fate))
            }
        }
    }
}

/// A publication that has evicted on this instance.
///
/// If this is dropped, it takes place all the same: the caches delete in Redis by themselves, and the
/// event's keeper sends it.
pub(super) struct Begun<E> {
    hooks: Arc<[Arc<Hook<E>>]>,
    deletions: Vec<Box<dyn Deletion>>,
    pub(super) sending: Result<Sending, PublishError>,
}

impl<E> Begun<E> {
    /// Leaves the publication to the caches and the event's keeper.
    pub(super) fn leave(self) -> Result<Fate, PublishError> {
        drop(self.deletions);
        self.sending.map(Sending::leave)
    }
}

/// Ends the deletions of a publication. If it was `overtaken` by another instance's message, what was
/// deleted before that message has to be deleted after it, too. Returns the caches that could not
/// evict, and why.
fn end(
    deletions: impl Iterator<Item = (Box<dyn Deletion>, Result<(), Cause>)>,
    overtaken: bool,
) -> Vec<(Arc<str>, Cause)> {
    let mut failed = Vec::new();
    for (deletion, deleted) in deletions {
        if let Err(cause) = &deleted {
            failed.push((Arc::clone(deletion.cache()), cause.clone()));
        }
        if overtaken {
            // The cache deletes by itself.
            drop(deletion);
        } else {
            deletion.finish(&deleted);
        }
    }
    failed
}

impl<E: InvalidationEvent> Publish<E> for Core<E> {
    fn publish(&self, event: E) -> Publishing<'_> {
        Publishing::new(
            async move { self.send(&event, Keeper::Outbox).await },
            Settler::Of(self),
        )
    }
}

impl<E: InvalidationEvent> Settle for Core<E> {
    fn begin(&self) -> BoxFuture<'_, Duration> {
        Box::pin(self.bus.begin_confirming())
    }

    fn settle(&self, begun: Duration) -> BoxFuture<'_, Result<Settled, NotSettled>> {
        Box::pin(self.bus.settled(Some(begun)))
    }
}
