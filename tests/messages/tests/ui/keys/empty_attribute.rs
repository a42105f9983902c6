use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation()]
        id: String,
    },
    All,
}

fn main() {}
