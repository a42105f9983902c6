use cache_runtime::cache_invalidation;

#[cache_invalidation(channel = "cache:users")]
pub struct Users;

fn main() {}
