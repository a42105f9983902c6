use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Bus, RedisCache};

fn main() {
    let bus = Bus::in_process();
    let _cache = RedisCache::<Arc<String>>::builder(&bus, "texts", Duration::from_secs(1)).build();
}
