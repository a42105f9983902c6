use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        #[invalidation(rename = "type")]
        id: String,
        #[invalidation(rename = "name")]
        first: String,
        #[invalidation(rename = "name")]
        last: String,
    },
    #[invalidation(rename = "user", method = "invalidate_user")]
    Person,
    All,
}

fn main() {}
