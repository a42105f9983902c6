use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(skip)]
        id: String,
    },
    All,
}

fn main() {}
