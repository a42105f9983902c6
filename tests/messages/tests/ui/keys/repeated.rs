use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(rename = "a", rename = "b")]
    User {
        id: String,
    },
    All,
}

fn main() {}
