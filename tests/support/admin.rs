//! The test's own connection to a server.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{
    AsyncConnectionConfig, Client as RedisClient, FromRedisValue, PushInfo, PushKind, RedisResult,
    Value,
};

use crate::Recorder;

/// Longer than any freeze of a server, so that a command to a frozen server gets its answer after
/// the thaw.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The name of these connections. [`Admin::clients`] leaves them out by it.
const NAME: &str = "test-admin";

/// A connection that inspects the server and causes faults. Its methods panic when the server does
/// not answer, except [`try_run`](Self::try_run).
#[derive(Debug, Clone)]
pub struct Admin {
    connection: MultiplexedConnection,
}

impl Admin {
    /// Connects to a `redis://` address.
    ///
    /// # Errors
    ///
    /// The error of the connection attempt.
    pub async fn connect(url: &str) -> RedisResult<Self> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let client = RedisClient::open(url)?;
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let admin = Self { connection };
        admin.try_run::<()>(&["CLIENT", "SETNAME", NAME]).await?;
        Ok(admin)
    }

    /// Runs a command.
    ///
    /// # Errors
    ///
    /// The error of the server or of the connection.
    ///
    /// # Panics
    ///
    /// If the command is empty.
    pub async fn try_run<T: FromRedisValue>(&self, command: &[&str]) -> RedisResult<T> {
        let (name, arguments) = command.split_first().expect("a command has a name");
        let mut command = redis::cmd(name);
        for argument in arguments {
            command.arg(argument);
        }
        command.query_async(&mut self.connection.clone()).await
    }

    /// Runs a command that must succeed.
    ///
    /// # Panics
    ///
    /// If the command fails, with the command and the error.
    pub async fn run<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let answer = self.try_run(command).await;
        answer.unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// The connected clients, without connections of this type.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn clients(&self) -> Vec<Client> {
        let list: String = self.run(&["CLIENT", "LIST"]).await;
        let clients = list.lines().map(Client::parse);
        clients
            .filter(|client| client.get("name") != NAME)
            .collect()
    }

    /// Runs `CLIENT KILL TYPE`, where `kind` is `pubsub` or `normal`; returns the number of killed
    /// clients. This connection is not killed.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn kill_clients(&self, kind: &str) -> usize {
        self.run(&["CLIENT", "KILL", "TYPE", kind]).await
    }

    /// How often the server has run a command.
    ///
    /// # Panics
    ///
    /// If the server does not count commands.
    pub async fn calls(&self, command: &str) -> u64 {
        let stats: String = self.run(&["INFO", "commandstats"]).await;
        let start = format!("cmdstat_{command}:calls=");
        let line = stats.lines().find_map(|line| line.strip_prefix(&start));
        let count = line.and_then(|line| line.split(',').next());
        count.map_or(0, |count| count.parse().expect("a number"))
    }

    /// Publishes a message; returns the number of receivers.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn publish(&self, channel: &str, payload: &str) -> usize {
        self.run(&["PUBLISH", channel, payload]).await
    }

    /// The channels that have subscribers.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn channels(&self) -> Vec<String> {
        let mut channels: Vec<String> = self.run(&["PUBSUB", "CHANNELS"]).await;
        channels.sort();
        channels
    }

    /// Subscribes a connection of its own with plain pub/sub. What it receives is recorded for as long as
    /// the connection is kept.
    ///
    /// # Panics
    ///
    /// If the server refuses it.
    pub async fn listen(url: &str, channel: &str) -> (MultiplexedConnection, Recorder<String>) {
        let seen = Recorder::new();
        let receive = {
            let seen = seen.clone();
            move |push: PushInfo| {
                if let (PushKind::Message, Some(Value::BulkString(payload))) =
                    (push.kind, push.data.get(1))
                {
                    seen.record(String::from_utf8_lossy(payload).into_owned());
                }
                Ok::<(), SendError>(())
            }
        };
        let config = AsyncConnectionConfig::new().set_push_sender(receive);
        let client = RedisClient::open(format!("{url}?protocol=resp3")).expect("an address");
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await.expect("the server is up");
        let subscribed = connection.subscribe(channel).await;
        subscribed.expect("the server accepts it");
        (connection, seen)
    }

    /// The number of connections that are subscribed to `channel`.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn subscribers(&self, channel: &str) -> usize {
        let (_, count): (String, usize) = self.run(&["PUBSUB", "NUMSUB", channel]).await;
        count
    }
}

/// One line of `CLIENT LIST`.
#[derive(Debug, Clone)]
pub struct Client {
    fields: BTreeMap<String, String>,
}

impl Client {
    fn parse(line: &str) -> Self {
        let fields = line.split(' ').filter_map(|field| field.split_once('='));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            fields: fields.collect(),
        }
    }

    /// The value of a field; empty if the server does not give it.
    #[must_use]
    pub fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// Whether the client is in subscriber mode.
    #[must_use]
    pub fn is_subscriber(&self) -> bool {
        self.get("flags").contains('P')
    }
}
