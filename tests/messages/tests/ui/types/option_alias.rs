use cache_runtime::InvalidationEvent;

type Maybe = Option<String>;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: Maybe },
    All,
}

fn main() {}
