use std::time::Duration;

use cache_runtime::{Bus, Evict, InvalidationEvent, RedisCache, cache_invalidation};

#[derive(InvalidationEvent)]
enum RoleEvent {
    All,
}

#[cache_invalidation(channel = "cache:roles", event = RoleEvent)]
struct Roles;

fn main() {
    let bus = Bus::in_process();
    let service = Roles::new(&bus);
    let _cache = RedisCache::<String>::builder(&bus, "roles", Duration::from_secs(60))
        .evict_on(&service, |event| match event {
            RoleEvent::All => Evict::All,
        })
        .key_type::<u64>()
        .build();
}
