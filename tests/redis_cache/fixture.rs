//! The buses of the tests, their events, and loads that the test can delay.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_runtime::redis::Builder;
use cache_runtime::{__private as private, Bus, InvalidationEvent, RedisCache, cache_invalidation};
use support::{Server, eventually};
use tokio::sync::{OnceCell, Semaphore};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
/// Short enough to wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(60);

/// Texts have changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub(crate) enum TextEvent {
    /// One text.
    Text { key: String },
    /// Several texts.
    Texts { keys: Vec<String> },
    /// The texts whose keys begin with this.
    Group { prefix: String },
    /// The texts that are this.
    Reading { text: String },
    /// The numbers that are this: there are none among texts.
    Number { number: u32 },
    /// The texts that carry this tag.
    Tagged { tag: String },
    /// Evicts nothing.
    Other,
    /// Makes the cache's closure panic.
    Panic,
    /// Everything.
    All,
}

#[cache_invalidation(channel = "cache:texts", event = TextEvent)]
#[derive(Debug, Clone)]
pub(crate) struct Texts;

pub(crate) const CHANNEL: &str = "cache:texts";

/// A real server, or a bus in this process that replaces it.
pub(crate) enum Place {
    InProcess(Bus),
    /// The server, and a bus for publishing as another program.
    Redis(Box<Server>, OnceCell<Bus>),
}

impl Place {
    pub(crate) fn in_process() -> Self {
        Self::InProcess(Bus::in_process())
    }

    pub(crate) async fn redis() -> Self {
        Self::over(Server::start().await)
    }

    pub(crate) fn over(server: Server) -> Self {
        Self::Redis(Box::new(server), OnceCell::new())
    }

    /// Another instance.
    pub(crate) async fn instance(&self) -> Bus {
        match self {
            Self::InProcess(bus) => bus.another_instance(),
            Self::Redis(server, _) => connect(server).await,
        }
    }

    /// The bytes under a key.
    pub(crate) async fn stored(&self, key: &str) -> Option<Vec<u8>> {
        private::Keyspace::new(&self.instance().await)
            .get(key)
            .await
            .unwrap()
    }

    /// How much longer a key lives.
    pub(crate) async fn ttl(&self, key: &str) -> Duration {
        let names = private::EntryKeys {
            value: key.to_owned(),
            token: "token".to_owned(),
            stored: private::Stored::Bare {
                absence: "absence".to_owned(),
            },
            max_bytes: usize::MAX,
        };
        let found = private::Keyspace::new(&self.instance().await)
            .lookup(&names)
            .await;
        found
            .unwrap()
            .expect("it is there")
            .ttl
            .expect("it expires")
    }

    /// Writes under a key, as another program.
    pub(crate) async fn write(&self, key: &str, value: &[u8]) {
        let kv = private::Keyspace::new(&self.instance().await);
        kv.set(key, value, LONG).await.unwrap();
    }

    /// Deletes everything, as another program.
    pub(crate) async fn flush(&self) {
        match self {
            Self::InProcess(bus) => {
                let kv = private::Keyspace::new(bus);
                let entries = ["a", "a:1", "b", "c", "d", "loaded", "got", "set"];
                let coherent = "cache-runtime:coherent:{texts}:";
                let keys = entries.into_iter().flat_map(|entry| {
                    [
                        format!("texts:{entry}"),
                        format!("cache-runtime:lock:{{texts:{entry}}}"),
                        format!("cache-runtime:absent:{{texts:{entry}}}"),
                        format!("{coherent}v:{entry}"),
                        format!("{coherent}t:{entry}"),
                    ]
                });
                let keys: Vec<_> = keys.chain([format!("{coherent}g")]).collect();
                let keys: Vec<_> = keys.iter().map(String::as_str).collect();
                kv.delete(&keys).await.unwrap();
                let left = kv.count("").await.unwrap();
                assert_eq!(left, 0, "keys that are not in the list above");
            }
            Self::Redis(server, _) => {
                server.admin().await.run::<()>(&["FLUSHALL"]).await;
            }
        }
    }

    /// Publishes as a program without caches.
    pub(crate) async fn publish(&self, payload: &str) {
        assert!(self.try_publish(payload).await > 0);
    }

    /// Publishes as a program without caches; returns the number of receivers.
    pub(crate) async fn try_publish(&self, payload: &str) -> u64 {
        let bus = match self {
            Self::InProcess(bus) => bus,
            Self::Redis(server, bus) => bus.get_or_init(|| connect(server)).await,
        };
        let published = private::publish_raw(bus, CHANNEL, payload.as_bytes()).await;
        published.unwrap_or_default()
    }
}

/// A bus whose lease does not end on a slow machine.
pub(crate) async fn connect(server: &Server) -> Bus {
    Bus::redis(server.url())
        .heartbeat(Duration::from_millis(100))
        .lease(LONG)
        .backoff(Duration::from_millis(20), Duration::from_millis(200))
        .connect()
        .await
        .expect("the server is running")
}

/// Runs scenarios in both places.
macro_rules! in_both_places {
    ($($scenario:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(&crate::fixture::Place::in_process()).await;
            })*
        }
        mod redis {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(&crate::fixture::Place::redis().await).await;
            })*
        }
    };
}
pub(crate) use in_both_places;

#[track_caller]
pub(crate) fn builder(bus: &Bus) -> Builder<String> {
    lasting(bus, LONG)
}

#[track_caller]
pub(crate) fn lasting(bus: &Bus, ttl: Duration) -> Builder<String> {
    RedisCache::builder(bus, "texts", ttl)
}

/// A load that succeeds at once.
pub(crate) async fn text(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

/// A load that must not happen.
pub(crate) async fn never() -> Result<String, Infallible> {
    panic!("loaded what is cached")
}

/// Counts loads, and can delay them.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    text: Arc<str>,
    begun: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
}

impl Source {
    /// A source whose loads wait for [`release`](Self::release).
    pub(crate) fn held(text: &str) -> Self {
        Self {
            text: text.into(),
            begun: Arc::default(),
            permits: Arc::new(Semaphore::new(0)),
        }
    }

    /// A source whose loads succeed at once.
    pub(crate) fn free(text: &str) -> Self {
        let source = Self::held(text);
        source.release();
        source
    }

    /// Lets all present and future loads go on.
    pub(crate) fn release(&self) {
        self.permits.close();
    }

    pub(crate) fn loads(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) async fn has_begun(&self) {
        let begun = async || self.loads();
        eventually("the load to begin", begun, |loads| *loads > 0).await;
    }

    /// A loader for [`refresh_ahead`](Builder::refresh_ahead), for every key.
    pub(crate) fn loader(
        &self,
    ) -> impl Fn(String) -> BoxFuture<Result<String, Infallible>> + Send + Sync + 'static {
        let source = self.clone();
        move |_| Box::pin(source.clone().load())
    }

    pub(crate) async fn load(self) -> Result<String, Infallible> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        // `release` closes the semaphore, so that `acquire` fails and the load goes on.
        drop(self.permits.acquire().await);
        Ok(self.text.to_string())
    }
}
