use cache_runtime::{InvalidationEvent, Invalidator, cache_invalidation};

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
