//! What a `TtlCache` does that its model does not cover.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_runtime::{ManualClock, TtlCache};
use tokio::task::yield_now;

#[tokio::test]
async fn those_who_wait_share_a_value_that_is_not_stored() {
    let clock = ManualClock::new();
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(300))
        .ttl_by(|_| Duration::ZERO)
        .clock(&clock)
        .build()
        .unwrap();
    let loads = AtomicU32::new(0);
    let load = || {
        cache.get_or_load("key", || async {
            let load = loads.fetch_add(1, Ordering::Relaxed);
            clock.advance(Duration::from_secs(1));
            yield_now().await;
            load
        })
    };

    assert_eq!(tokio::join!(load(), load(), load()), (0, 0, 0));
    assert!(!cache.contains("key"));
    // A later caller loads again.
    assert_eq!(load().await, 1);
}
