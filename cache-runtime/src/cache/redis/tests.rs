//! What can be seen of the cache without a server.

use std::time::Duration;

use super::*;
use crate::bus::Bus;

#[tokio::test]
async fn the_futures_of_callers_are_small() {
    let bus = Bus::in_process();
    let cache = RedisCache::<String>::builder(&bus, "sizes", Duration::from_secs(1));
    let cache = cache.build().unwrap();
    let load = || async { Ok::<_, std::io::Error>(String::new()) };
    assert!(size_of_val(&cache.get("a")) < 1024);
    assert!(size_of_val(&cache.try_get_or_load("a", load)) < 2048);
}
