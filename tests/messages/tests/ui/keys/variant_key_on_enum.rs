use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(all)]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
