use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: Vec<&'static str> },
    All,
}

fn main() {}
