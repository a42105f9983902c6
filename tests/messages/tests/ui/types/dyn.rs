use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: Box<dyn Send + Sync> },
    All,
}

fn main() {}
