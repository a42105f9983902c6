//! The trait that `#[cache_invalidation]` implements.

use super::invalidator::Invalidator;
use crate::event::InvalidationEvent;

/// A service of one channel. `#[cache_invalidation]` implements it.
///
/// Users of a service need not import it, because a service dereferences to its [`Invalidator`].
/// The trait is for code that is generic over services.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cache invalidation service",
    note = "put `#[cache_invalidation(channel = \"..\", event = ..)]` above `struct {Self}`"
)]
pub trait Service: Send + Sync {
    /// The events of the channel.
    type Event: InvalidationEvent;

    /// The channel, without the namespace of a bus.
    const CHANNEL: &'static str;

    /// The `Invalidator` that publishes and subscribes for this service.
    fn invalidator(&self) -> &Invalidator<Self::Event>;
}
