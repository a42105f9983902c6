use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent<T> {
    User { id: T },
    All,
}

fn main() {}
