use cache_runtime::service::Invalidator;
use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    All,
}

#[derive(InvalidationEvent)]
pub enum PersonaEvent {
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
pub struct Users {
    events: Invalidator<PersonaEvent>,
}

fn main() {}
