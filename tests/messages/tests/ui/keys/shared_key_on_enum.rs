use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(rename = "user")]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
