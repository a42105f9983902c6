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

#[test]
fn a_setting_that_panics_leaves_no_old_value() {
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(300))
        .max_weight(1_000, |_, value| {
            assert_ne!(*value, 2, "as the test wants it");
            1
        })
        .build()
        .unwrap();
    cache.insert("key".to_owned(), 1);
    let insert = std::panic::AssertUnwindSafe(|| cache.insert("key".to_owned(), 2));
    assert!(std::panic::catch_unwind(insert).is_err());
    assert_eq!(cache.get("key"), None);
    cache.insert("key".to_owned(), 3);
    assert_eq!(cache.get("key"), Some(3));
}

#[tokio::test]
async fn removing_a_prefix_leaves_loads_of_other_keys_alone() {
    let cache = TtlCache::<String, u32>::builder("cache", Duration::from_secs(300))
        .build()
        .unwrap();
    for key in ["a:1", "b:1"] {
        let load = async || {
            cache.remove_prefix("a:");
            1
        };
        cache.get_or_load(key, load).await;
    }
    assert_eq!(cache.keys(), ["b:1"]);
}
