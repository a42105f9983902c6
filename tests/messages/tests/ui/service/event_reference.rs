use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

#[cache_invalidation(channel = "cache:users", event = &UserEvent)]
pub struct Users;

// This is as it should be.
pub async fn invalidate(users: &Users) {
    let _ = users.invalidate_user("7").await;
}

fn main() {}
