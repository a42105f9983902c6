//! Publishing payloads that were encoded elsewhere, such as in a database.

use std::sync::Arc;

use super::core::Core;
use super::sending::Keeper;
use crate::bus::PublishPayload;
use crate::channel::{Channel, DeclaredChannel};
use crate::event::InvalidationEvent;

/// Publishes payloads of a channel as its service publishes events, except that the outbox does not keep
/// them: the caller does. What is no event of the channel may stand for any, so it is published as
/// `All`.
pub(super) fn publisher<E: InvalidationEvent>(
    channel: &Arc<Channel<E>>,
    declared: &'static DeclaredChannel,
) -> Arc<PublishPayload> {
    let channel = Arc::clone(channel);
    Arc::new(move |bus, payload| {
        let core = Core {
            bus: Arc::clone(bus),
            channel: Arc::clone(&channel),
            declared,
        };
        Box::pin(async move {
            let event = core.event(payload.as_deref());
            let sent = core.send(&event, Keeper::Caller).await;
            match sent {
                // It was decoded, but it cannot be encoded.
                Err(error) if error.is_invalid_event() => {
                    core.send(&E::all(), Keeper::Caller).await
                }
                sent => sent,
            }
            .map(drop)
        })
    })
}

impl<E: InvalidationEvent> Core<E> {
    fn event(&self, payload: Option<&[u8]>) -> E {
        let Some(payload) = payload else {
            return E::all();
        };
        let decoded = Channel::decode(payload, self.bus.settings().max_payload);
        decoded.unwrap_or_else(|reason| {
            self.channel.rejected(&reason);
            E::all()
        })
    }
}
