//! Caches over caches, in tasks of their own: the compiler has to find out that such a future is
//! `Send`, without a larger `recursion_limit`.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::redis::{Coherent, LoadError, Loaded};
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

/// As a service holds them: each way to read, through functions and a refresh.
#[derive(Clone)]
struct State {
    pages: CoherentCache<String, String>,
    rows: RedisCache<String, Coherent>,
}

impl State {
    async fn row(&self, id: &str) -> Result<String, LoadError<io::Error>> {
        let load = || async { Ok::<_, io::Error>("row".to_owned()) };
        self.rows.try_get_or_load(id, load).await
    }

    async fn page(&self, id: &str) -> Result<String, Arc<LoadError<io::Error>>> {
        self.pages.try_get_or_load(id, || self.row(id)).await
    }

    async fn either(&self, id: &str) -> String {
        let row = || async {
            let row = self.rows.get_or_load(id, || async { "row".to_owned() });
            row.await.unwrap_or_default()
        };
        self.pages.get_or_load(id, row).await
    }
}

#[tokio::test]
async fn a_service_with_both() {
    let bus = Bus::in_process();
    let events = Pages::new(&bus);
    let pages = CoherentCache::<String, String>::builder("service-pages", LONG)
        .evict_on(&events, evict)
        .build()
        .unwrap();
    let rows = RedisCache::<String>::builder(&bus, "service-rows", LONG)
        .evict_on(&events, evict)
        .build()
        .unwrap();
    let state = State { pages, rows };
    let over = RedisCache::<String>::builder(&bus, "service-over", LONG)
        .refresh_ahead(LONG / 2, {
            let state = state.clone();
            move |id| {
                let state = state.clone();
                async move { state.page(&id).await }
            }
        })
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    let task = tokio::spawn({
        let state = state.clone();
        async move {
            let page = state.page("7").await.unwrap();
            let load = || async { Ok::<_, Infallible>(state.either("8").await) };
            (page, over.try_get_or_load("9", load).await.unwrap())
        }
    });
    assert_eq!(task.await.unwrap(), ("row".to_owned(), "row".to_owned()));
    let boxed: Pin<Box<dyn Future<Output = _> + Send>> =
        Box::pin(async move { state.page("7").await.is_ok() });
    assert!(boxed.await);
}
