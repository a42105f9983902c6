use std::time::Duration;

use cache_runtime::{Bus, CoherentCache, TtlCache};

fn main() {
    let bus = Bus::in_process();
    let ttl = Duration::from_secs(1);
    let _coherent = CoherentCache::<String, bool>::builder(&bus, "users", ttl);
    let _ttl = TtlCache::<String, bool>::builder(&bus, "users", ttl);
}
