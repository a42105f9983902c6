//! The types behind the `invalidate_…` methods of an event.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use crate::error::PublishError;
use crate::io_thread;

/// How many subscribers the server has handed an event to.
///
/// This does not prove delivery: Redis counts a subscriber that is stuck or cut off until its
/// buffers are full. Only a [`Health`](crate::bus::Health) of `Live` proves that events arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    receivers: u64,
}

impl Receipt {
    pub(crate) fn new(receivers: u64) -> Self {
        Self { receivers }
    }

    /// The number of subscribed connections when the event was published, this instance's own
    /// included.
    #[must_use]
    pub fn receivers(&self) -> u64 {
        self.receivers
    }
}

/// The future that the `invalidate_…` methods return. Awaiting it publishes the event.
///
/// [`publish_all`](crate::service::Invalidator::publish_all) returns one for several events.
///
/// # Errors
///
/// As [`Invalidator::publish`](crate::service::Invalidator::publish).
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the event may or may not have been published.
#[must_use = "an event is published when this is awaited"]
pub struct Publishing<'a, T = Receipt, E = PublishError> {
    future: BoxFuture<'a, Result<T, E>>,
}

impl<'a, T, E> Publishing<'a, T, E> {
    pub(crate) fn new(publishing: impl Future<Output = Result<T, E>> + Send + 'a) -> Self {
        Self {
            future: Box::pin(publishing),
        }
    }

    /// Publishes the event, and blocks the thread until that is done: for threads without an
    /// executor.
    ///
    /// # Errors
    ///
    /// As [`Invalidator::publish`](crate::service::Invalidator::publish).
    ///
    /// # Panics
    ///
    /// In a task of Tokio, an inline subscriber, or a closure that says what to evict: they must not
    /// block their thread. Await it in a task instead. Also if the system could not start the
    /// library's thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
    ///
    /// #[derive(InvalidationEvent)]
    /// enum UserEvent {
    ///     User { id: String },
    ///     All,
    /// }
    ///
    /// #[cache_invalidation(channel = "cache:waiting", event = UserEvent)]
    /// struct Users;
    ///
    /// let users = Users::new(&Bus::in_process());
    /// users.invalidate_user("42").wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn wait(self) -> Result<T, E> {
        let handle = io_thread::handle().unwrap_or_else(|error| panic!("{error}"));
        handle.block_on(self)
    }
}

impl<T, E> Future for Publishing<'_, T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl<T, E> fmt::Debug for Publishing<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing").finish_non_exhaustive()
    }
}

/// Carries the `invalidate_…` methods of an event. The derive implements it.
#[doc(hidden)]
pub trait EventMethods<E>: Send + Sync {
    fn new(publisher: Publisher<E>) -> Self;
}

/// Publishes the events of one channel on one bus.
pub(crate) trait Publish<E>: Send + Sync {
    fn publish(&self, event: E) -> Publishing<'_>;
}

/// What generated methods publish with. Its type names no service, so an event depends on no
/// service.
#[doc(hidden)]
pub struct Publisher<E>(Arc<dyn Publish<E>>);

impl<E> Publisher<E> {
    pub(crate) fn new(publish: Arc<dyn Publish<E>>) -> Self {
        Self(publish)
    }

    #[doc(hidden)]
    pub fn publish(&self, event: E) -> Publishing<'_> {
        self.0.publish(event)
    }
}

impl<E> fmt::Debug for Publisher<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}
