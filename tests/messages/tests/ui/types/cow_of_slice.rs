use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { id: std::borrow::Cow<'static, [u8]> },
    All,
}

fn main() {}
