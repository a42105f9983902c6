use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(non_empty)]
    User {
        id: String,
    },
    All,
}

fn main() {}
