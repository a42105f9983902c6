use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(rename = 'u')]
    User {
        id: String,
    },
    All,
}

fn main() {}
