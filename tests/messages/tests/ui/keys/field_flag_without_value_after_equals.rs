use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(non_empty =)]
        id: String,
    },
    All,
}

fn main() {}
