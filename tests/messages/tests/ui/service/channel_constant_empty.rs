use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

pub mod channels {
    pub const USERS: &str = "";
}

#[cache_invalidation(channel = channels::USERS, event = UserEvent)]
pub struct Users;

fn main() {}
