//! A cache of moka, and a task that removes from it what others publish, as programs write it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use moka::future::Cache;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::contender::{Contender, Database, Reader, Writer};

const TTL: Duration = Duration::from_hours(1);
const ENTRIES: u64 = 10_000;
const CHANNEL: &str = "contest";
/// What is published when the database was emptied.
const EVERYTHING: &str = "*";
/// The wait before it connects again.
const BACKOFF: Duration = Duration::from_millis(100);

/// `EMPTIED`: whenever it has subscribed, it empties the cache.
pub(crate) struct Moka<const EMPTIED: bool>;

#[derive(Clone)]
pub(crate) struct MokaReader {
    cache: Cache<String, Option<u64>>,
    database: Database,
    _listening: Arc<JoinSet<()>>,
}

pub(crate) struct MokaWriter {
    database: Database,
    channel: MultiplexedConnection,
}

impl MokaReader {
    async fn start(link: &str, database: &str, late: Option<Duration>, emptied: bool) -> Self {
        let cache = Cache::builder().max_capacity(ENTRIES).time_to_live(TTL);
        let cache = cache.build();
        let (told, mut subscribed) = watch::channel(false);
        let mut listening = JoinSet::new();
        let (evicted, link) = (cache.clone(), link.to_owned());
        listening.spawn(async move {
            loop {
                // What has failed is tried again.
                let _ = listen(&link, &evicted, emptied, &told).await;
                sleep(BACKOFF).await;
            }
        });
        let subscribed = subscribed.wait_for(|subscribed| *subscribed).await;
        subscribed.expect("the task goes on");
        Self {
            cache,
            database: Database::connect(database, late).await,
            _listening: Arc::new(listening),
        }
    }
}

async fn listen(
    link: &str,
    cache: &Cache<String, Option<u64>>,
    emptied: bool,
    told: &watch::Sender<bool>,
) -> redis::RedisResult<()> {
    let mut pubsub = redis::Client::open(link)?.get_async_pubsub().await?;
    pubsub.subscribe(CHANNEL).await?;
    if emptied {
        cache.invalidate_all();
    }
    told.send_replace(true);
    let mut messages = pubsub.on_message();
    while let Some(message) = messages.next().await {
        let key: String = message.get_payload()?;
        if key == EVERYTHING {
            cache.invalidate_all();
        } else {
            cache.invalidate(&key).await;
        }
    }
    Ok(())
}

impl<const EMPTIED: bool> Contender for Moka<EMPTIED> {
    const NAME: &'static str = if EMPTIED {
        "the same, emptied when it has connected again"
    } else {
        "moka 0.12, `get_with`, a subscriber by hand"
    };

    type Reader = MokaReader;
    type Writer = MokaWriter;

    async fn reader(link: &str, database: &str, late: Option<Duration>) -> MokaReader {
        MokaReader::start(link, database, late, EMPTIED).await
    }

    async fn writer(link: &str, database: &str) -> MokaWriter {
        let client = redis::Client::open(link).expect("an address");
        let channel = client.get_multiplexed_async_connection().await;
        MokaWriter {
            database: Database::connect(database, None).await,
            channel: channel.expect("the server is running"),
        }
    }
}

impl Reader for MokaReader {
    async fn read(&mut self, key: &str) -> Result<Option<u64>, String> {
        let load = self.database.load(key);
        Ok(self.cache.get_with_by_ref(key, load).await)
    }
}

impl MokaWriter {
    async fn publish(&mut self, keys: impl Iterator<Item = &str>) -> Result<(), String> {
        let mut pipe = redis::pipe();
        for key in keys {
            pipe.publish(CHANNEL, key).ignore();
        }
        let published = pipe.query_async(&mut self.channel).await;
        published.map_err(|error: redis::RedisError| error.to_string())
    }
}

impl Writer for MokaWriter {
    async fn write(&mut self, values: &[(String, u64)]) -> Result<(), String> {
        self.database.set(values).await?;
        self.publish(values.iter().map(|(key, _)| key.as_str()))
            .await
    }

    async fn clear(&mut self) {
        self.database.clear().await;
        let told = self.publish([EVERYTHING].into_iter()).await;
        told.expect("the server is running");
    }

    async fn truth(&mut self, key: &str) -> Option<u64> {
        self.database.load(key).await
    }
}
