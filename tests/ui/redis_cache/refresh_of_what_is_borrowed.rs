use std::convert::Infallible;
use std::time::Duration;

use cache_runtime::{Bus, RedisCache};

fn main() {
    let bus = Bus::in_process();
    let cache = RedisCache::<String>::builder(&bus, "texts")
        .ttl(Duration::from_secs(60))
        .refresh_ahead(Duration::from_secs(10))
        .build()
        .unwrap();
    let text = String::new();
    let _fetching = cache.get_or_fetch("a", || async { Ok::<_, Infallible>(text.clone()) });
}
