//! Publishing: what every event's methods and `publish` come down to.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::debug;

use crate::error::PublishError;
use crate::event::InvalidationEvent;
use crate::service::Core;
use crate::stats::Counters;
use crate::transport::Boxed;

/// Says how many subscribers the server has handed an event to.
///
/// It is no proof of delivery: Redis counts a subscriber that is stuck, or cut off, until its
/// buffers are full. What proves that events arrive is a channel's [`Health`](crate::Health).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    receivers: u64,
}

impl Receipt {
    /// Subscriber connections at the time, this instance's own among them.
    #[must_use]
    pub fn receivers(&self) -> u64 {
        self.receivers
    }
}

/// An event on its way, as the `invalidate_…` methods return it: await it to publish the event.
///
/// # Errors
///
/// As [`Invalidator::publish`](crate::Invalidator::publish).
///
/// # Cancel safety
///
/// Dropped before it is done, the event may or may not have left.
#[must_use = "an event is published when this is awaited"]
pub struct Publishing<'a> {
    future: Pin<Box<dyn Future<Output = Result<Receipt, PublishError>> + Send + 'a>>,
}

impl Future for Publishing<'_> {
    type Output = Result<Receipt, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl fmt::Debug for Publishing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing").finish_non_exhaustive()
    }
}

/// What an event's `invalidate_…` methods hang on.
#[doc(hidden)]
pub trait EventMethods<E: InvalidationEvent>: Send + Sync {
    fn new(publisher: Publisher<E>) -> Self;
    fn publisher(&self) -> &Publisher<E>;
}

/// The publishing half, which generated methods call.
#[doc(hidden)]
pub struct Publisher<E: InvalidationEvent> {
    pub(crate) core: Arc<Core<E>>,
}

impl<E: InvalidationEvent> Publisher<E> {
    #[doc(hidden)]
    pub fn publish(&self, event: E) -> Publishing<'_> {
        Publishing {
            future: Box::pin(async move { self.send(&event).await }),
        }
    }

    pub(crate) async fn send(&self, event: &E) -> Result<Receipt, PublishError> {
        let hooks = self.core.channel.hooks.snapshot();
        // Whatever becomes of this future, what it begins here goes on: from now on nothing is read
        // that is to go, and nothing that goes below can be found again.
        let emptying = hooks.iter().map(|hook| (hook.empty)(event)).collect();
        self.core.channel.apply_published(event);
        let results = join_all(emptying).await;
        let sent = self.send_encoded(event).await;
        let failed = hooks.iter().zip(results).find_map(|(hook, result)| {
            let cause = result.err()?;
            Some((Arc::clone(&hook.cache), cause))
        });
        match failed {
            None => sent,
            Some((cache, cause)) => {
                let name = Arc::clone(self.core.channel.channel_name());
                Err(PublishError::not_emptied(name, sent.err(), cache, cause))
            }
        }
    }

    async fn send_encoded(&self, event: &E) -> Result<Receipt, PublishError> {
        let core = &*self.core;
        let name = core.channel.channel_name();
        let payload = event
            .encode()
            .map_err(|error| PublishError::encode(Arc::clone(name), error))?;
        let limit = core.bus.settings().max_payload;
        if payload.len() > limit {
            return Err(PublishError::too_large(
                Arc::clone(name),
                payload.len(),
                limit,
            ));
        }
        let counters = &core.channel.counters;
        let logged = core.registration.logging().publish;
        match core.bus.publish(name, payload).await {
            Ok(receivers) => {
                Counters::count(&counters.published);
                if logged {
                    debug!(channel = %name, event = %event.describe(), receivers, "event published");
                }
                Ok(Receipt { receivers })
            }
            Err(cause) => {
                Counters::count(&counters.publish_failures);
                Err(PublishError::transport(Arc::clone(name), cause))
            }
        }
    }
}

/// The results of all futures. They run at once: each may wait for a server that does not answer.
async fn join_all<T: Unpin>(futures: Vec<Boxed<T>>) -> Vec<T> {
    let mut slots: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    poll_fn(|cx| {
        for (future, result) in &mut slots {
            if result.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(cx)
            {
                *result = Some(ready);
            }
        }
        let done = slots.iter().all(|(_, result)| result.is_some());
        if done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    slots.into_iter().filter_map(|(_, result)| result).collect()
}

impl<E: InvalidationEvent> Clone for Publisher<E> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
        }
    }
}

impl<E: InvalidationEvent> fmt::Debug for Publisher<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}
