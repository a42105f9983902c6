use std::fmt;
use std::time::Duration;

use cache_runtime::{Bus, Evict, InvalidationEvent, RedisCache, cache_invalidation};

#[derive(Clone, PartialEq, Eq, Hash)]
struct GuildId(u64);

impl fmt::Display for GuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(InvalidationEvent)]
enum RoleEvent {
    User { user: u64 },
    All,
}

#[cache_invalidation(channel = "cache:roles", event = RoleEvent)]
struct Roles;

fn main() {
    let bus = Bus::in_process();
    let service = Roles::new(&bus);
    let _cache = RedisCache::<String>::builder(&bus, "roles", Duration::from_secs(60))
        .key_type::<GuildId>()
        .evict_on(&service, |event| match event {
            RoleEvent::User { user } => Evict::key(*user),
            RoleEvent::All => Evict::All,
        })
        .build();
}
