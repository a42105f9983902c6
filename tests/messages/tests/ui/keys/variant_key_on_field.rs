use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(method = "evict")]
        id: String,
    },
    All,
}

fn main() {}
