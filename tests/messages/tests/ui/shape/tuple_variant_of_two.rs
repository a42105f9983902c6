use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User(String, Vec<u8>),
    All,
}

fn main() {}
