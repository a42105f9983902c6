//! The guard of a subscription, and the stream of events.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_util::Stream;

use super::core::Core;
use crate::channel::{Delivery, Hook, Inline, Outlet};
use crate::event::InvalidationEvent;

/// Keeps a handler or an inline subscriber subscribed; dropping it unsubscribes.
///
/// It also keeps the bus alive. Dropping it cancels an async handler at its next await. A sync
/// handler finishes its event.
#[must_use = "dropping it unsubscribes at once; keep it, or call `detach`"]
pub struct Subscription {
    channel: Arc<str>,
    /// Unsubscribes when it is dropped.
    _guard: Box<dyn Send + Sync>,
}

impl Subscription {
    /// The channel, with its namespace.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Unsubscribes, as dropping does.
    pub fn unsubscribe(self) {}

    /// Stays subscribed without a guard, until the bus is closed.
    ///
    /// The bus then stays alive until it is closed, or the process ends.
    pub fn detach(self) {
        std::mem::forget(self);
    }

    pub(crate) fn inline<E: InvalidationEvent>(core: &Arc<Core<E>>, inline: Inline<E>) -> Self {
        let inline = Arc::new(inline);
        core.channel.inline.add(Arc::clone(&inline));
        core.want();
        Self {
            channel: Arc::clone(core.name()),
            _guard: Box::new(InlineGuard {
                core: Arc::clone(core),
                inline,
            }),
        }
    }

    pub(crate) fn handler<E: InvalidationEvent>(guard: OutletGuard<E>) -> Self {
        Self {
            channel: Arc::clone(guard.core.name()),
            _guard: Box::new(guard),
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

struct InlineGuard<E: InvalidationEvent> {
    core: Arc<Core<E>>,
    inline: Arc<Inline<E>>,
}

impl<E: InvalidationEvent> Drop for InlineGuard<E> {
    fn drop(&mut self) {
        self.core.channel.inline.remove(&self.inline);
        self.core.unwant();
    }
}

/// Keeps a hook in its channel.
pub(crate) struct HookGuard<E: InvalidationEvent> {
    core: Arc<Core<E>>,
    hook: Arc<Hook<E>>,
}

impl<E: InvalidationEvent> HookGuard<E> {
    pub(crate) fn new(core: &Arc<Core<E>>, hook: Hook<E>) -> Self {
        let hook = Arc::new(hook);
        core.channel.hooks.add(Arc::clone(&hook));
        Self {
            core: Arc::clone(core),
            hook,
        }
    }
}

impl<E: InvalidationEvent> Drop for HookGuard<E> {
    fn drop(&mut self) {
        self.core.channel.hooks.remove(&self.hook);
    }
}

/// Keeps an outlet in its channel.
pub(crate) struct OutletGuard<E: InvalidationEvent> {
    core: Arc<Core<E>>,
    outlet: Arc<Outlet<E>>,
}

impl<E: InvalidationEvent> OutletGuard<E> {
    pub(crate) fn new(core: &Arc<Core<E>>, outlet: Arc<Outlet<E>>) -> Self {
        core.channel.outlets.add(Arc::clone(&outlet));
        core.want();
        // If the bus is closed after this check, it finds the outlet and closes it.
        if core.bus.is_closed() {
            outlet.close();
        }
        Self {
            core: Arc::clone(core),
            outlet,
        }
    }
}

impl<E: InvalidationEvent> Drop for OutletGuard<E> {
    fn drop(&mut self) {
        self.core.channel.outlets.remove(&self.outlet);
        self.outlet.close();
        self.core.unwant();
    }
}

/// The events of a service, as a [`Stream`].
///
/// Events wait in a bounded queue. When the queue overflows, and after any loss, the stream yields
/// the event's `All`. The stream ends when the bus is closed. Dropping it unsubscribes.
#[must_use = "a stream yields nothing unless it is polled; dropping it unsubscribes"]
pub struct Events<E: InvalidationEvent> {
    guard: OutletGuard<E>,
    batch: vec::IntoIter<Delivery<E>>,
}

impl<E: InvalidationEvent> Events<E> {
    pub(crate) fn new(guard: OutletGuard<E>) -> Self {
        Self {
            guard,
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
            if !ready!(self.guard.outlet.queue.poll_take(cx, &mut batch)) {
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

// None of its fields is pinned.
impl<E: InvalidationEvent> Unpin for Events<E> {}

impl<E: InvalidationEvent> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("channel", self.guard.core.name())
            .finish_non_exhaustive()
    }
}
