use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation[rename = "user"]]
    User {
        id: String,
    },
    All,
}

fn main() {}
