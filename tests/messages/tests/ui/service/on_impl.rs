use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

pub struct Users;

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
impl Users {}

fn main() {}
