use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(as_string)]
        user: Option<u64>,
    },
    All,
}

fn main() {}
