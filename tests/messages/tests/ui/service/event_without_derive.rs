use cache_runtime::cache_invalidation;

pub enum UserEvent {
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
#[derive(Debug, Clone)]
pub struct Users;

fn main() {}
