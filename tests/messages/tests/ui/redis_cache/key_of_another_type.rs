use std::fmt;

use cache_runtime::RedisCache;
use cache_runtime::redis::Coherent;

macro_rules! id {
    ($name:ident) => {
        #[derive(Clone, PartialEq, Eq, Hash)]
        struct $name(u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(GuildId);
id!(UserId);

async fn read(roles: &RedisCache<String, Coherent, GuildId>, user: UserId) {
    let _value = roles.get(&user).await;
    let _value = roles.get_or_load("7", async || String::new()).await;
}

fn main() {}
