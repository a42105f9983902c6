use std::io;

use cache_runtime::RedisCache;

async fn from_the_provider() -> io::Result<String> {
    Ok(String::new())
}

async fn read(cache: &RedisCache<String>) {
    let _value = cache.get_or_load("a", || from_the_provider()).await;
}

fn main() {}
