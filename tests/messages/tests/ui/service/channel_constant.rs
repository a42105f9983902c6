use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

const CHANNEL: &str = "cache users";

#[cache_invalidation(channel = CHANNEL, event = UserEvent)]
pub struct Users;

fn main() {}
