//! Publishing payloads that were encoded elsewhere, such as in a database.

use std::sync::Arc;

use super::shared::{PublishPayload, Shared};
use crate::error::PublishError;
use crate::outbox;

impl Shared {
    /// Sets how payloads of a channel are published that were encoded elsewhere.
    pub(crate) fn set_publisher(&self, channel: &Arc<str>, publish: Arc<PublishPayload>) {
        let mut publishers = self.publishers.lock();
        publishers.insert(Arc::clone(channel), publish);
    }

    /// Publishes the event that was encoded elsewhere as a payload of a channel without its
    /// namespace, or the channel's `All` for `None`. If this bus has no service of the channel, it
    /// sends the payload as it is. What the server does not take, the caller has to keep.
    pub(crate) async fn publish_payload(
        self: &Arc<Self>,
        channel: &str,
        payload: Option<Vec<u8>>,
    ) -> Result<(), PublishError> {
        let name: Arc<str> = self.settings().full_name(channel).into();
        let publisher = self.publishers.lock().get(&name).cloned();
        if let Some(publish) = publisher {
            return publish(self, payload).await;
        }
        let payload = payload.unwrap_or_default();
        let sent = self.publish(&name, &payload, &[]).await;
        let receivers = sent.and_then(|sent| sent.receivers);
        receivers.map(drop).map_err(|cause| {
            let fate = outbox::fate(&cause);
            PublishError::transport(name, cause, fate)
        })
    }
}
