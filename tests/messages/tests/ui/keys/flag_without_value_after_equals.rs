use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        id: String,
    },
    #[invalidation(all =)]
    Everything,
}

fn main() {}
