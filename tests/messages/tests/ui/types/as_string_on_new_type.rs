use cache_runtime::InvalidationEvent;

#[derive(serde::Serialize, serde::Deserialize)]
pub struct UserId(u64);

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(as_string)]
        user: UserId,
    },
    All,
}

fn main() {}
