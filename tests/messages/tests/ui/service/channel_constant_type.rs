use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

const CHANNEL: u32 = 42;

#[cache_invalidation(channel = CHANNEL, event = UserEvent)]
pub struct Users;

fn main() {}
