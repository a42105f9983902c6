use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(rename_al = "camelCase")]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
