//! The feature `testing`: what tests of a program need.

mod clock;
mod evict;
mod network;
mod recorder;
mod settled;
mod tokio_time;

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};

#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub(crate) enum UserEvent {
    User { user_id: u64 },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
pub(crate) struct Users;

pub(crate) fn user(user_id: u64) -> UserEvent {
    UserEvent::User { user_id }
}

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn just_before(time: Duration) -> Duration {
    time.saturating_sub(MILLISECOND)
}

/// A cache of users, which the events of a bus evict from.
pub(crate) fn names(bus: &Bus) -> CoherentCache<u64, u32> {
    CoherentCache::builder("names", MINUTE)
        .evict_on(&Users::new(bus), |event| match event {
            UserEvent::User { user_id } => Evict::key(*user_id),
            UserEvent::All => Evict::All,
        })
        .build()
        .unwrap()
}

/// The output of a future that need not wait.
pub(crate) fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
