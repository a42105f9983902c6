//! A loader that reads a cache which the same events evict from.

use std::sync::Arc;

use cache_runtime::{Bus, CoherentCache, Evict, Snapshot};

use crate::{FlagEvent, Flags, HOUR, MILLISECOND, Source, asks, fresh};

fn rows(flags: &Flags) -> CoherentCache<u64, u64> {
    let evict = |event: &FlagEvent| match event {
        FlagEvent::Flag { .. } | FlagEvent::All => Evict::All,
        FlagEvent::Renamed => Evict::Nothing,
    };
    let rows = CoherentCache::builder("rows", HOUR);
    rows.evict_on(flags, evict).build().unwrap()
}

/// The one that is told first of an event must not read the old value from the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn may_be_built_in_either_order() {
    for cache_first in [true, false] {
        let bus = Bus::in_process();
        let (flags, source) = (Flags::new(&bus), Source::new());
        let cache = Arc::new(std::sync::OnceLock::new());
        if cache_first {
            cache.set(rows(&flags)).unwrap();
        }
        let load = {
            let (cache, source) = (Arc::clone(&cache), Arc::clone(&source));
            move || {
                let (cache, source) = (Arc::clone(&cache), Arc::clone(&source));
                async move {
                    match cache.get() {
                        Some(rows) => rows.try_get_or_load(&0, || source.load()).await,
                        None => Ok(0),
                    }
                }
            }
        };
        let snapshot = Snapshot::builder("flags", load).reload_interval(MILLISECOND);
        let snapshot = snapshot.reload_on(&flags, asks).load().await.unwrap();
        if !cache_first {
            cache.set(rows(&flags)).unwrap();
        }
        bus.ready().await.unwrap();
        fresh(&snapshot).await;
        for _ in 0..300 {
            let version = source.change();
            flags.invalidate_flag("a").await.unwrap();
            let found = *snapshot.get_fresh().await.unwrap();
            assert_eq!(found, version, "cache first: {cache_first}");
        }
    }
}
