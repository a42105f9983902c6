use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
#[invalidation(crate = self)]
pub enum UserEvent {
    User {
        id: String,
    },
    All,
}

fn main() {}
