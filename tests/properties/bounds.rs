//! Caches that are full: the bound holds, and a read finds the value that was inserted last.

use std::collections::HashMap;
use std::time::Duration;

use cache_runtime::{ManualClock, TtlCache};
use proptest::prelude::*;

/// Calls: a key, a weight, and whether the key is removed instead of inserted.
fn entries() -> impl Strategy<Value = Vec<(u16, u32, bool)>> {
    let entry = (0..2_000u16, 0..60u32, prop::bool::weighted(0.1));
    prop::collection::vec(entry, 1..1_500)
}

fn heaviest() -> impl Strategy<Value = u64> {
    prop_oneof![1..20u64, 20..5_000u64]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_entries(most in prop_oneof![1..10usize, 10..1_200usize], entries in entries()) {
        let cache = TtlCache::builder("bounded", Duration::from_secs(300)).max_entries(most).build().unwrap();
        let mut last = HashMap::new();
        for (key, value, removed) in entries {
            if removed {
                cache.remove(&key);
                last.remove(&key);
            } else {
                cache.insert(key, value);
                last.insert(key, value);
            }
            prop_assert!(cache.len() <= most, "{} of {most}", cache.len());
            if let Some(found) = cache.get(&key) {
                prop_assert_eq!(Some(&found), last.get(&key));
            }
        }
        for key in cache.keys() {
            prop_assert_eq!(cache.get(&key), last.get(&key).copied());
        }
    }

    #[test]
    fn of_weight(most in heaviest(), entries in entries()) {
        let cache = TtlCache::<u16, u32>::builder("bounded", Duration::from_secs(300))
            .max_weight(most, |_, weight| *weight)
            .build()
            .unwrap();
        let mut last = HashMap::new();
        for (step, (key, weight, removed)) in entries.into_iter().enumerate() {
            if removed {
                cache.remove(&key);
                last.remove(&key);
            } else {
                cache.insert(key, weight);
                last.insert(key, weight);
                if u64::from(weight) > most {
                    prop_assert_eq!(cache.get(&key), None);
                }
            }
            if step % 16 == 0 {
                let weigh = |key: &u16| u64::from(cache.get(key).unwrap_or(0).max(1));
                let total: u64 = cache.keys().iter().map(weigh).sum();
                prop_assert!(total <= most, "{total} of {most}");
            }
        }
        for key in cache.keys() {
            prop_assert_eq!(cache.get(&key), last.get(&key).copied());
        }
    }

    /// Expired entries are swept without being read.
    #[test]
    fn what_has_expired_is_swept(keys in 1..400u16) {
        let clock = ManualClock::new();
        let minute = Duration::from_secs(60);
        let cache = TtlCache::builder("swept", minute).max_entries(500).clock(&clock);
        let cache = cache.build().unwrap();
        for key in 0..keys {
            cache.insert(key, ());
        }
        clock.advance(minute);
        cache.insert(u16::MAX, ());
        prop_assert_eq!(cache.len(), 1);
    }
}
