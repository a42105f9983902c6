//! The types behind the `invalidate_…` methods of an event.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::receipt::{Confirmed, Receipt, Settler};
use crate::error::{ConfirmError, PublishError};
use crate::io_thread;

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
/// If it is dropped after its first poll, the outbox sends the event.
#[must_use = "an event is published when this is awaited"]
pub struct Publishing<'a, T = Receipt, E = PublishError> {
    future: BoxFuture<'a, Result<T, E>>,
    settle: Settler<'a>,
}

impl<'a, T, E> Publishing<'a, T, E> {
    pub(crate) fn new(
        publishing: impl Future<Output = Result<T, E>> + Send + 'a,
        settle: Settler<'a>,
    ) -> Self {
        Self {
            future: Box::pin(publishing),
            settle,
        }
    }

    /// Publishes the event, and then waits until no instance can serve a value that is older: each has
    /// applied the event, or its [lease](crate::bus::BusBuilder::lease) has run out.
    ///
    /// Where all instances are healthy, this takes about one round trip more than publishing. One that
    /// is cut off is waited for until its lease has ended. One that can send and hears nothing is asked
    /// again, for at most 20 leases; then this fails. A bus to which nothing is subscribed opens its
    /// connection for events first, and keeps it. In the first two leases after this bus has
    /// become live, and while an instance is not allowed to write in Redis that it is there, every call
    /// takes a whole lease.
    ///
    /// In a Redis Cluster, every call takes a whole lease, and nobody is asked.
    ///
    /// On an in-process bus all instances in the process are waited for.
    ///
    /// # What is covered
    ///
    /// Every cache that the event evicts from, on every instance that uses this library over the same
    /// server and namespace, with a lease that is no longer than this bus's. Every read that begins
    /// after this has returned finds the new value. Not covered are
    /// [handlers](crate::service::Invalidator::subscribe) and streams, which may still be at work,
    /// subscribers that other libraries have written, and caches that serve
    /// [while events are not proven to arrive](crate::coherent::WhileDown).
    ///
    /// The access rules of Redis have to allow the key `cache-runtime:instances`, with the namespace in
    /// front: `+eval +time +zadd +zremrangebyscore +zrange +zrem +pexpire`.
    ///
    /// # Errors
    ///
    /// When publishing fails; or when this instance has not been live from before it published until
    /// now, or the server does not answer; or when an instance is live, and does not answer. If the event was published, the other instances are
    /// about to apply it all the same.
    ///
    /// # Cancel safety
    ///
    /// As for publishing. If it is dropped while it waits, it only no longer waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
    /// # #[derive(InvalidationEvent)]
    /// # enum UserEvent { User { id: String }, All }
    /// # #[cache_invalidation(channel = "cache:confirmed", event = UserEvent)]
    /// # struct Users;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let users = Users::new(&Bus::in_process());
    /// // The user was banned in the database.
    /// let confirmed = users.invalidate_user("42").confirmed().await?;
    /// // Now no instance lets the user in.
    /// for name in confirmed.settled().expired() {
    ///     println!("{name} was cut off");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn confirmed(self) -> Publishing<'a, Confirmed<T>, ConfirmError<E>>
    where
        T: Send + 'a,
        E: Send + 'a,
    {
        let Self { future, settle } = self;
        let held = settle.clone();
        let confirming = async move {
            let begun = held.get().begin().await;
            let receipt = future.await.map_err(ConfirmError::Publish)?;
            let settled = held
                .get()
                .settle(begun)
                .await
                .map_err(ConfirmError::Settle)?;
            Ok(Confirmed { receipt, settled })
        };
        Publishing::new(confirming, settle)
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
