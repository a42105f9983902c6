use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(1)]
    User {
        id: String,
    },
    All,
}

fn main() {}
