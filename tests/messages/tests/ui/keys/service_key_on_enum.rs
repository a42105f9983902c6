use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(channel = "cache:users")]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
