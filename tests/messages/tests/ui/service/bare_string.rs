use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

#[cache_invalidation("cache:users", event = UserEvent)]
pub struct Users;

fn main() {}
