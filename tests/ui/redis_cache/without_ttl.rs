use cache_runtime::{Bus, RedisCache};

fn main() {
    let bus = Bus::in_process();
    let _cache = RedisCache::<String>::builder(&bus, "texts")
        .max_value_bytes(100)
        .build();
}
