//! A loader that reads a cache which the same events evict from.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Instant;

use cache_runtime::{Bus, CoherentCache, Evict, Snapshot};
use support::{DEADLINE, eventually};

use crate::{FlagEvent, Flags, HOUR, MILLISECOND, Source, asks, fresh};

type Rows = CoherentCache<u64, u64>;

fn rows(flags: &Flags) -> Rows {
    let evict = |event: &FlagEvent| match event {
        FlagEvent::Flag { .. } | FlagEvent::All => Evict::All,
        FlagEvent::Renamed => Evict::Nothing,
    };
    let rows = CoherentCache::builder("rows", HOUR);
    rows.evict_on(flags, evict).build().unwrap()
}

/// Loads through the cache, once there is one.
async fn load(rows: Arc<OnceLock<Rows>>, source: Arc<Source>) -> io::Result<u64> {
    match rows.get() {
        Some(rows) => {
            let read = rows.try_get_or_load(&0, || source.load()).await;
            read.map_err(io::Error::other)
        }
        None => Ok(0),
    }
}

/// The one that is told first of an event must not read the old value from the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn may_be_built_in_either_order() {
    for cache_first in [true, false] {
        let bus = Bus::in_process();
        let (flags, source) = (Flags::new(&bus), Source::new());
        let cache = Arc::new(OnceLock::new());
        if cache_first {
            cache.set(rows(&flags)).unwrap();
        }
        let load = {
            let (cache, source) = (Arc::clone(&cache), Arc::clone(&source));
            move || load(Arc::clone(&cache), Arc::clone(&source))
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

/// A load that ends before the other cache is told of the event has read the old value.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_load_before_the_other_is_told_is_followed_by_another() {
    let bus = Bus::in_process();
    let (flags, source) = (Flags::new(&bus), Source::new());
    let cache = Arc::new(OnceLock::new());
    let (tell, loads) = mpsc::channel();
    let load = {
        let (cache, source) = (Arc::clone(&cache), Arc::clone(&source));
        move || {
            let loading = load(Arc::clone(&cache), Arc::clone(&source));
            let tell = tell.clone();
            async move {
                let loaded = loading.await;
                let _ = tell.send(());
                loaded
            }
        }
    };
    let snapshot = Snapshot::builder("flags", load).reload_interval(MILLISECOND);
    let snapshot = snapshot.reload_on(&flags, asks).load().await.unwrap();
    // Between the snapshot and the other cache, it waits for the snapshot's load.
    let (loads, has_loaded) = (
        Arc::new(Mutex::new(loads)),
        Arc::new(AtomicBool::new(false)),
    );
    let waiting = {
        let (loads, has_loaded) = (Arc::clone(&loads), Arc::clone(&has_loaded));
        move |_: &FlagEvent| {
            let load = loads.lock().unwrap().recv_timeout(DEADLINE);
            has_loaded.store(load.is_ok(), Ordering::SeqCst);
            Evict::All
        }
    };
    let waiting = Rows::builder("waiting", HOUR).evict_on(&flags, waiting);
    let _waiting = waiting.build().unwrap();
    let rows = cache.get_or_init(|| rows(&flags));
    bus.ready().await.unwrap();
    fresh(&snapshot).await;
    rows.get_or_load(&0, async || 0).await;
    while loads.lock().unwrap().try_recv().is_ok() {}
    // The next load must need no timer: the thread that drives them tells the caches, and waits.
    let since = Instant::now();
    let passed = async || since.elapsed();
    eventually("the interval to pass", passed, |passed| {
        *passed > MILLISECOND
    })
    .await;

    let version = source.change();
    let elsewhere = Flags::new(&bus.another_instance());
    elsewhere.invalidate_flag("a").await.unwrap();
    let value = async || *snapshot.get();
    eventually("the new version", value, |found| *found == version).await;
    assert!(has_loaded.load(Ordering::SeqCst));
}
