use cache_runtime::InvalidationEvent;

#[derive(InvalidationEvent)]
pub struct User {
    id: String,
}

fn main() {}
