use std::io;

use cache_runtime::TtlCache;

async fn from_the_database() -> io::Result<String> {
    Ok(String::new())
}

async fn read(cache: &TtlCache<u64, String>) -> String {
    cache.get_or_load(&7, || from_the_database()).await
}

fn main() {}
