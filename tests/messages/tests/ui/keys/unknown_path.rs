use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(serde::tag = "type")]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
