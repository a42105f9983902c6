use std::fmt;

use cache_runtime::RedisCache;
use cache_runtime::redis::Coherent;

#[derive(Clone, PartialEq, Eq, Hash)]
struct GuildId(u64);

impl fmt::Display for GuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

async fn read(roles: &RedisCache<String, Coherent, GuildId>) {
    let load = async |_: Vec<GuildId>| Vec::new();
    let _values = roles.get_many_or_load(&[7_u64, 8], load).await;
}

fn main() {}
