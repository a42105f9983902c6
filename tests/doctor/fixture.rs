//! A service, with its events.

use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(Debug, InvalidationEvent)]
pub(crate) enum PersonEvent {
    Person { id: u32 },
    All,
}

pub(crate) const CHANNEL: &str = "cache:doctor-people";

#[cache_invalidation(channel = "cache:doctor-people", event = PersonEvent)]
pub(crate) struct People;
