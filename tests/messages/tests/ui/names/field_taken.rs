use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        id: String,
        #[invalidation(rename = "id")]
        user_id: String,
    },
    All,
}

fn main() {}
