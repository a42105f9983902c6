use cache_runtime::service::Invalidator;
use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    All,
}

#[cache_invalidation(channel = "cache:users")]
pub struct Users {
    one: Invalidator<UserEvent>,
    two: Invalidator<UserEvent>,
}

fn main() {}
