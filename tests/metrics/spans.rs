//! The spans of loads, of what is fetched from Redis, and of publications.

use std::fmt::{Debug, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber, instrument::WithSubscriber};

use crate::world::World;

/// Records the spans that begin.
#[derive(Default)]
struct Spans {
    begun: Mutex<Vec<String>>,
    ids: AtomicU64,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("room for a field");
    }
}

/// A handle of [`Spans`].
#[derive(Clone)]
struct Log(std::sync::Arc<Spans>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("cache_runtime")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        assert_eq!(*span.metadata().level(), Level::DEBUG);
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        self.0.begun.lock().unwrap().push(fields.0);
        Id::from_u64(self.0.ids.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, _event: &Event<'_>) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[tokio::test]
async fn they_name_the_cache_or_channel_and_no_key() {
    let world = World::new("spans").await;
    let log = Log(std::sync::Arc::default());
    let taken = || std::mem::take(&mut *log.0.begun.lock().unwrap());
    let coherent = async || {
        world.coherent.get_or_load("secret", async || 1).await;
    };
    coherent().with_subscriber(log.clone()).await;
    assert_eq!(taken(), [r#"cache.load cache="spans-coherent""#]);
    // A hit has none.
    coherent().with_subscriber(log.clone()).await;
    assert_eq!(world.coherent.stats().hits, 1);
    assert_eq!(taken(), [""; 0]);

    let redis = async || {
        let load = async || Ok::<_, String>(1);
        world.redis.try_get_or_load("secret", load).await.unwrap();
    };
    redis().with_subscriber(log.clone()).await;
    let (fetch, load) = (
        r#"cache.fetch cache="spans-redis""#,
        r#"cache.load cache="spans-redis""#,
    );
    assert_eq!(taken(), [fetch, load]);
    redis().with_subscriber(log.clone()).await;
    assert_eq!(world.redis.stats().memory_hits, 1);
    assert_eq!(taken(), [""; 0]);

    let publishing = async { world.users.invalidate_user("secret").await.unwrap() };
    publishing.with_subscriber(log.clone()).await;
    assert_eq!(taken(), [r#"channel.publish channel="spans:users""#]);
}
