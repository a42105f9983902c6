use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(rename = 42)]
    User {
        id: String,
    },
    All,
}

fn main() {}
