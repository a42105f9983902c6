//! Caches over caches, in tasks of their own: the compiler has to find out that such a future is
//! `Send`, without a larger `recursion_limit`.

use std::convert::Infallible;
use std::time::Duration;

use cache_runtime::redis::Loaded;
use cache_runtime::{
    Bus, CoherentCache, Evict, InvalidationEvent, RedisCache, TtlCache, cache_invalidation,
};

#[derive(Debug, InvalidationEvent)]
enum PageEvent {
    Page { page_id: String },
    All,
}

#[cache_invalidation(channel = "cache:pages", event = PageEvent)]
struct Pages;

const LONG: Duration = Duration::from_secs(3600);

fn evict(event: &PageEvent) -> Evict<String> {
    match event {
        PageEvent::Page { page_id } => Evict::key(page_id),
        PageEvent::All => Evict::All,
    }
}

#[tokio::test]
async fn a_cache_in_memory_over_one_in_redis() {
    let bus = Bus::in_process();
    let events = Pages::new(&bus);
    let pages = CoherentCache::<String, String>::builder("pages", LONG)
        .evict_on(&events, evict)
        .build()
        .unwrap();
    let suggestions = TtlCache::<String, String>::builder("suggestions", LONG)
        .build()
        .unwrap();
    let rows = RedisCache::<String>::builder(&bus, "rows", LONG)
        .memory(LONG, 10)
        .load_lock(LONG)
        .evict_on(&events, evict)
        .build()
        .unwrap();
    let raw = RedisCache::<String>::builder(&bus, "raw", LONG)
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    let task = tokio::spawn(async move {
        let raw = async || {
            let load = || async { Ok::<_, Infallible>(Loaded::Present("row".to_owned())) };
            raw.lookup_or_load("7", load).await
        };
        let row = async || {
            rows.try_get_or_load("7", || async {
                raw().await.map(|row| row.present().unwrap())
            })
            .await
        };
        let page = async || pages.try_get_or_load("7", &row).await;
        suggestions
            .try_get_or_load("7", || async {
                page().await.map(|page| format!("<{page}>"))
            })
            .await
            .map_err(|error| error.to_string())
    });
    assert_eq!(task.await.unwrap().unwrap(), "<row>");
}
