use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(rename = b"user")]
    User {
        id: String,
    },
    All,
}

fn main() {}
