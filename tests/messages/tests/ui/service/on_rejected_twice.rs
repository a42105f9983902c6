use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent, on_rejected = "flush", on_rejected = "ignore")]
pub struct Users;

fn main() {}
