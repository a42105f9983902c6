use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(as_string)]
        user: String,
    },
    All,
}

fn main() {}
