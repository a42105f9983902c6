use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub union User {
    id: u8,
}

fn main() {}
