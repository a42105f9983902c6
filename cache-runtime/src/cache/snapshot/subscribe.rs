//! What an event does to a snapshot.

use std::sync::Arc;

use super::signals::Signals;
use crate::audit::VariantCounts;
use crate::channel::Notice;
use crate::event::InvalidationEvent;
use crate::remedy::Remedy;
use crate::service::{Invalidator, Subscription};

/// Subscribes a snapshot to a channel: `asks` says which events ask for a load.
pub(super) fn subscribe<E: InvalidationEvent>(
    signals: &Arc<Signals>,
    service: &Invalidator<E>,
    asks: impl Fn(&E) -> bool + Send + Sync + 'static,
    counts: Arc<VariantCounts>,
) -> Subscription {
    let all = E::all().variant();
    let asks = move |event: &E| event.variant() == all || asks(event);
    let signals = Arc::clone(signals);
    let apply = move |notice: Notice<'_, E>| match notice {
        // It was recorded when it was published. It asks for a load all the same: an equal event may be
        // that of another instance.
        Notice::Echo(event) => {
            if asks(event) {
                signals.change();
            }
        }
        Notice::Event(event) | Notice::Published(event) => {
            let asks = asks(event);
            counts.record(event.variant(), asks);
            if asks {
                signals.change();
            }
        }
        Notice::Flush | Notice::Down if !Remedy::FlushOfCaches.applies() => {}
        Notice::Flush => signals.change(),
        // The value is stale until `Flush`, which follows before the channel is live again. The task has
        // to know because of `WhileDown::Poll`.
        Notice::Down => signals.wake.notify_one(),
    };
    Invalidator::attach(service, "snapshot", apply)
}
