use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(tag = "kind")]
        id: String,
    },
    All,
}

fn main() {}
