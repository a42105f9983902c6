use std::time::Duration;

use cache_runtime::TtlCache;

fn main() {
    let cache = TtlCache::<(String, u64), String>::builder("users", Duration::from_secs(1))
        .build()
        .unwrap();
    let _known = cache.get(&("a", 7));
}
