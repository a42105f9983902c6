use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    #[invalidation(rename_all = "camelCase")]
    User {
        id: String,
    },
    All,
}

fn main() {}
