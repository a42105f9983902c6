use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(non_empty = true)]
        id: String,
    },
    All,
}

fn main() {}
