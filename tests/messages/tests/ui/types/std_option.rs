use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: std::option::Option<u8> },
    All,
}

fn main() {}
