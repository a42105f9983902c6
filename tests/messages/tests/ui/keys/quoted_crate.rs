use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(crate = "cache_runtime")]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
