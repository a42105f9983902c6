use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(rename = )]
    User {
        id: String,
    },
    All,
}

fn main() {}
