use std::time::Duration;

use cache_runtime::CoherentCache;

fn main() {
    let _cache = CoherentCache::<String, String>::builder("user-names", Duration::from_secs(30))
        .build();
}
