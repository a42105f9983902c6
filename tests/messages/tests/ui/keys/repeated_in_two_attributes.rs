use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(rename = "a")] #[invalidation(rename = "b")]
        id: String,
    },
    All,
}

fn main() {}
