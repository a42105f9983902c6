use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

#[cache_invalidation(event = UserEvent, log_events = false)]
pub struct Users;

fn main() {}
