use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(rename_all = "camel")]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
