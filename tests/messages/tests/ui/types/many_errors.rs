use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User {
        name: &'static str,
        age: Option<u8>,
        callback: fn(),
        #[invalidation(non_empty)]
        size: u64,
    },
    All,
}

fn main() {}
