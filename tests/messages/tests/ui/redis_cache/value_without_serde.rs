use std::time::Duration;

use cache_runtime::{Bus, RedisCache};

#[derive(Clone)]
struct Text(String);

fn main() {
    let bus = Bus::in_process();
    let _cache = RedisCache::<Text>::builder(&bus, "texts", Duration::from_secs(1)).build();
}
