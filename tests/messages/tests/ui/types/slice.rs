use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: &'static [u8] },
    All,
}

fn main() {}
