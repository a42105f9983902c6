//! What takes part: a reader and a writer, each an instance of its own.

use std::time::Duration;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

/// How a value is cached, and how others are told that it has changed.
pub(crate) trait Contender: Send + Sync + 'static {
    const NAME: &'static str;
    /// Whether a loader asks the database. Otherwise the Redis that is cached from is the database.
    const LOADS: bool = true;

    type Reader: Reader;
    type Writer: Writer;

    /// An instance that reads, with everything about it through `link`. Loads take `late` longer.
    async fn reader(link: &str, database: &str, late: Option<Duration>) -> Self::Reader;

    /// An instance that writes, and tells the others through `link`.
    async fn writer(link: &str, database: &str) -> Self::Writer;
}

pub(crate) trait Reader: Clone + Send + Sync + 'static {
    fn read(&mut self, key: &str) -> impl Future<Output = Result<Option<u64>, String>> + Send;
}

pub(crate) trait Writer: Send + 'static {
    /// Changes the database, and then tells the others.
    fn write(
        &mut self,
        values: &[(String, u64)],
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Empties the database, and then tells the others.
    fn clear(&mut self) -> impl Future<Output = ()> + Send;

    /// What is in the database.
    fn truth(&mut self, key: &str) -> impl Future<Output = Option<u64>> + Send;
}

/// The database: a Redis without a cache in front of it.
#[derive(Clone)]
pub(crate) struct Database {
    connection: MultiplexedConnection,
    late: Option<Duration>,
}

impl Database {
    pub(crate) async fn connect(url: &str, late: Option<Duration>) -> Self {
        let client = redis::Client::open(url).expect("an address");
        let connection = client.get_multiplexed_async_connection().await;
        Self {
            connection: connection.expect("the server is running"),
            late,
        }
    }

    pub(crate) async fn load(&mut self, key: &str) -> Option<u64> {
        let value = self.connection.get(key).await;
        if let Some(late) = self.late {
            // The answer is on its way.
            tokio::time::sleep(late).await;
        }
        value.expect("the server is running")
    }

    pub(crate) async fn set(&mut self, values: &[(String, u64)]) -> Result<(), String> {
        let mut pipe = redis::pipe();
        for (key, value) in values {
            pipe.set(key, *value).ignore();
        }
        let set = pipe.query_async(&mut self.connection).await;
        set.map_err(|error: redis::RedisError| error.to_string())
    }

    pub(crate) async fn clear(&mut self) {
        let command = redis::cmd("FLUSHALL");
        let cleared = command.query_async(&mut self.connection).await;
        let () = cleared.expect("the server is running");
    }
}
