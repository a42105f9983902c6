use std::convert::Infallible;
use std::sync::Arc;

use cache_runtime::TtlCache;

async fn read(cache: &TtlCache<u64, String>) -> Result<String, Arc<Infallible>> {
    cache.try_get_or_load(&7, || async { String::new() }).await
}

fn main() {}
