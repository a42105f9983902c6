use cache_runtime::InvalidationEvent;

pub struct Id(u8);

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: Id },
    All,
}

fn main() {}
