use std::time::Duration;

use cache_runtime::TtlCache;

async fn read(cache: &TtlCache<u64, String>) -> String {
    let _known = cache.get(&7u32);
    cache.get_or_load(&7u32, || async { String::new() }).await
}

fn main() {
    let cache = TtlCache::builder("users", Duration::from_secs(1)).build().unwrap();
    drop(read(&cache));
}
