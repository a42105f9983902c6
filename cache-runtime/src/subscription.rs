//! What a subscriber holds: a guard, or a stream of events.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_core::Stream;

use crate::channel::{Hook, Outlet};
use crate::event::InvalidationEvent;
use crate::handler::Delivery;
use crate::inline::Inline;
use crate::service::Core;

/// Keeps a handler or an inline subscriber subscribed; dropping it unsubscribes.
///
/// It also keeps the bus going. An async handler that is in the middle of an event is cancelled at
/// its next await; a sync one finishes the event.
#[must_use = "dropping it unsubscribes at once"]
pub struct Subscription {
    channel: Arc<str>,
    /// Only dropped.
    _seat: Box<dyn Send + Sync>,
}

impl Subscription {
    /// The channel, with its namespace.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Unsubscribes, as dropping does.
    pub fn unsubscribe(self) {}

    pub(crate) fn inline<E: InvalidationEvent>(core: &Arc<Core<E>>, inline: Inline<E>) -> Self {
        // Before anything changes: it panics outside of a runtime.
        core.bus.runtime();
        let inline = Arc::new(inline);
        core.channel.inline.add(Arc::clone(&inline));
        core.want();
        Self {
            channel: Arc::clone(core.channel.channel_name()),
            _seat: Box::new(InlineSeat {
                core: Arc::clone(core),
                inline,
            }),
        }
    }

    pub(crate) fn handler<E: InvalidationEvent>(seat: OutletSeat<E>) -> Self {
        Self {
            channel: Arc::clone(seat.core.channel.channel_name()),
            _seat: Box::new(seat),
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

struct InlineSeat<E: InvalidationEvent> {
    core: Arc<Core<E>>,
    inline: Arc<Inline<E>>,
}

impl<E: InvalidationEvent> Drop for InlineSeat<E> {
    fn drop(&mut self) {
        self.core.channel.inline.remove(&self.inline);
        self.core.unwant();
    }
}

/// A place in a channel's list of hooks.
pub(crate) struct HookSeat<E: InvalidationEvent> {
    core: Arc<Core<E>>,
    hook: Arc<Hook<E>>,
}

impl<E: InvalidationEvent> HookSeat<E> {
    pub(crate) fn new(core: &Arc<Core<E>>, hook: Hook<E>) -> Self {
        let hook = Arc::new(hook);
        core.channel.hooks.add(Arc::clone(&hook));
        Self {
            core: Arc::clone(core),
            hook,
        }
    }
}

impl<E: InvalidationEvent> Drop for HookSeat<E> {
    fn drop(&mut self) {
        self.core.channel.hooks.remove(&self.hook);
    }
}

/// A place in a channel's list of outlets.
pub(crate) struct OutletSeat<E: InvalidationEvent> {
    core: Arc<Core<E>>,
    outlet: Arc<Outlet<E>>,
}

impl<E: InvalidationEvent> OutletSeat<E> {
    pub(crate) fn new(core: &Arc<Core<E>>, outlet: Arc<Outlet<E>>) -> Self {
        // Before anything changes: it panics outside of a runtime.
        core.bus.runtime();
        core.channel.outlets.add(Arc::clone(&outlet));
        core.want();
        // Only now: whoever closes the bus closes the outlets it finds afterwards.
        if core.bus.is_closed() {
            outlet.close();
        }
        Self {
            core: Arc::clone(core),
            outlet,
        }
    }
}

impl<E: InvalidationEvent> Drop for OutletSeat<E> {
    fn drop(&mut self) {
        self.core.channel.outlets.remove(&self.outlet);
        self.outlet.close();
        self.core.unwant();
    }
}

/// The events of a service, as a [`Stream`].
///
/// Events wait in a bounded queue. Where it overflows, and after any loss, the stream yields the
/// event's `All`. It ends when the bus is closed; dropping it unsubscribes.
#[must_use = "a stream yields nothing unless it is polled; dropping it unsubscribes"]
pub struct Events<E: InvalidationEvent> {
    seat: OutletSeat<E>,
    batch: vec::IntoIter<Delivery<E>>,
}

impl<E: InvalidationEvent> Events<E> {
    pub(crate) fn new(seat: OutletSeat<E>) -> Self {
        Self {
            seat,
            batch: Vec::new().into_iter(),
        }
    }

    /// The next event; `None` once the bus is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn recv(&mut self) -> Option<E> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<E>> {
        loop {
            if let Some(delivery) = self.batch.next() {
                return Poll::Ready(Some(delivery.into_event()));
            }
            let mut batch = Vec::new();
            if !ready!(self.seat.outlet.queue.poll_take(cx, &mut batch)) {
                return Poll::Ready(None);
            }
            self.batch = batch.into_iter();
        }
    }
}

impl<E: InvalidationEvent> Stream for Events<E> {
    type Item = E;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        self.get_mut().poll_recv(cx)
    }
}

// Nothing in it is ever pinned.
impl<E: InvalidationEvent> Unpin for Events<E> {}

impl<E: InvalidationEvent> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("channel", self.seat.core.channel.channel_name())
            .finish_non_exhaustive()
    }
}
