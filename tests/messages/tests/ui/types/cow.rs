use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: std::borrow::Cow<'static, str> },
    All,
}

fn main() {}
