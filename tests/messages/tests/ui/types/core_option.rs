use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: ::core::option::Option<u8> },
    All,
}

fn main() {}
