use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent<'a> {
    User { id: &'a str },
    All,
}

fn main() {}
