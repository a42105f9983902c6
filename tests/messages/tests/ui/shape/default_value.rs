use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: u64 = 3 },
    All,
}

fn main() {}
