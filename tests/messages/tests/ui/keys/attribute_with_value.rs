use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation = "kind"]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
