use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(rename = "user"u8)]
    User {
        id: String,
    },
    All,
}

fn main() {}
