use cache_runtime::cache_invalidation;

#[cache_invalidation()]
pub struct Users;

fn main() {}
