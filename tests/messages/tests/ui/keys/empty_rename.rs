use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(rename = "")]
        id: String,
    },
    All,
}

fn main() {}
