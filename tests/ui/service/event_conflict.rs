use cache_runtime::{InvalidationEvent, Invalidator, cache_invalidation};

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
