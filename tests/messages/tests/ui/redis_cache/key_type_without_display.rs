use std::time::Duration;

use cache_runtime::{Bus, RedisCache};

#[derive(Clone, PartialEq, Eq, Hash)]
struct GuildId(u64);

fn main() {
    let bus = Bus::in_process();
    let builder = RedisCache::<String>::builder(&bus, "roles", Duration::from_secs(60));
    let _builder = builder.key_type::<GuildId>();
}
