use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation("user")]
    User {
        id: String,
    },
    All,
}

fn main() {}
