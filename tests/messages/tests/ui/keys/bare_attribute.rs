use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation]
    User {
        id: String,
    },
    All,
}

fn main() {}
