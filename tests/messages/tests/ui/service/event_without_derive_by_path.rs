use cache_runtime::cache_invalidation;

pub mod events {
    pub enum UserEvent {
        All,
    }
}

#[cache_invalidation(channel = "cache:users", event = events::UserEvent)]
pub struct Users;

fn main() {}
