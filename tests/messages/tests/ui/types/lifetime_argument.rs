use cache_runtime::InvalidationEvent;

pub struct Id<'a>(pub &'a str);

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: Id<'static> },
    All,
}

fn main() {}
