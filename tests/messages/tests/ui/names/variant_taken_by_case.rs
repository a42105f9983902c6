use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(rename_all = "lowercase")]
pub enum UserEvent {
    UserId,
    UserID,
    All,
}

fn main() {}
