//! The state that an `Invalidator` and its subscriptions share: a bus and one of its channels.

use std::sync::Arc;

use futures_util::future::join_all;
use tracing::debug;

use crate::bus::Shared;
use crate::channel::{Channel, DeclaredChannel, Dispatch};
use crate::counters::count;
use crate::error::PublishError;
use crate::event::{InvalidationEvent, Publish, Publishing, Receipt};
use crate::health::Health;

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
        self.bus.checked(self.channel.health.get())
    }

    /// Counts one more subscriber of the channel.
    pub(super) fn want(&self) {
        self.bus.want(Arc::clone(&self.channel) as _);
    }

    /// Counts one fewer subscriber of the channel.
    pub(super) fn unwant(&self) {
        self.bus.unwant(&*self.channel);
    }

    pub(super) async fn send(&self, event: &E) -> Result<Receipt, PublishError> {
        let hooks = self.channel.hooks.snapshot();
        // Before the first await, so that it happens even if this future is dropped later.
        let evicting = self.channel.apply_published(event, &hooks);
        let evicted = join_all(evicting).await;
        let sent = self.send_encoded(event).await;
        let failed = hooks.iter().zip(evicted).find_map(|(hook, result)| {
            let cause = result.err()?;
            Some((Arc::clone(&hook.cache), cause))
        });
        match failed {
            None => sent,
            Some((cache, cause)) => {
                let name = Arc::clone(self.name());
                Err(PublishError::not_evicted(name, sent.err(), cache, cause))
            }
        }
    }

    async fn send_encoded(&self, event: &E) -> Result<Receipt, PublishError> {
        let name = self.name();
        let payload = event
            .encode()
            .map_err(|error| PublishError::encode(Arc::clone(name), error))?;
        let (length, limit) = (payload.len(), self.bus.settings().max_payload);
        if length > limit {
            return Err(PublishError::too_large(Arc::clone(name), length, limit));
        }
        let counters = &self.channel.counters;
        match self.bus.publish(name, payload).await {
            Ok(receivers) => {
                count(&counters.published);
                if self.declared.logging().publish {
                    debug!(channel = %name, event = %event.describe(), receivers, "event published");
                }
                Ok(Receipt::new(receivers))
            }
            Err(cause) => {
                count(&counters.publish_failures);
                Err(PublishError::transport(Arc::clone(name), cause))
            }
        }
    }
}

impl<E: InvalidationEvent> Publish<E> for Core<E> {
    fn publish(&self, event: E) -> Publishing<'_> {
        Publishing::new(async move { self.send(&event).await })
    }
}
