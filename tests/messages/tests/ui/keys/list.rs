use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(tag("kind"))]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
