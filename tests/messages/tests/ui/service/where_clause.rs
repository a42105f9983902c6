use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: String },
    All,
}

pub trait Shard {}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
pub struct Users
where
    u16: Shard,
{
    shard: u16,
}

fn main() {}
