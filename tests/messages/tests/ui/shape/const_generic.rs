use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub enum UserEvent<const N: usize> {
    User { id: [u8; N] },
    All,
}

fn main() {}
