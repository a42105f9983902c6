//! The client-side caching of redis-rs: the server tells the client which keys have changed.

use std::time::Duration;

use redis::AsyncCommands;
use redis::AsyncConnectionConfig;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::caching::CacheConfig;

use super::contender::{Contender, Database, Reader, Writer};

/// As long as its users would wait.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Multiplexed;
pub(crate) struct Managed;

fn client(link: &str) -> redis::Client {
    redis::Client::open(format!("{link}/?protocol=resp3")).expect("an address")
}

impl Contender for Multiplexed {
    const NAME: &'static str = "redis-rs 1.8, client-side caching, `MultiplexedConnection`";
    const LOADS: bool = false;

    type Reader = MultiplexedConnection;
    type Writer = Database;

    async fn reader(link: &str, _: &str, _: Option<Duration>) -> Self::Reader {
        let config = AsyncConnectionConfig::new()
            .set_cache_config(CacheConfig::new())
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let client = client(link);
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        connection.await.expect("the server is running")
    }

    async fn writer(link: &str, _: &str) -> Self::Writer {
        Database::connect(link, None).await
    }
}

impl Contender for Managed {
    const NAME: &'static str = "redis-rs 1.8, client-side caching, `ConnectionManager`";
    const LOADS: bool = false;

    type Reader = ConnectionManager;
    type Writer = Database;

    async fn reader(link: &str, _: &str, _: Option<Duration>) -> Self::Reader {
        let config = ConnectionManagerConfig::new()
            .set_cache_config(CacheConfig::new())
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let client = client(link);
        let connection = client.get_connection_manager_with_config(config);
        connection.await.expect("the server is running")
    }

    async fn writer(link: &str, _: &str) -> Self::Writer {
        Database::connect(link, None).await
    }
}

impl Reader for MultiplexedConnection {
    async fn read(&mut self, key: &str) -> Result<Option<u64>, String> {
        self.get(key).await.map_err(|error| error.to_string())
    }
}

impl Reader for ConnectionManager {
    async fn read(&mut self, key: &str) -> Result<Option<u64>, String> {
        self.get(key).await.map_err(|error| error.to_string())
    }
}

impl Writer for Database {
    async fn write(&mut self, values: &[(String, u64)]) -> Result<(), String> {
        self.set(values).await
    }

    async fn clear(&mut self) {
        Self::clear(self).await;
    }

    async fn truth(&mut self, key: &str) -> Option<u64> {
        self.load(key).await
    }
}
