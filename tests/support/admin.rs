//! The test's own connection to a server.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client as RedisClient, FromRedisValue, RedisResult};

/// Longer than any freeze of a server: a test that asks a frozen server wants the answer
/// afterwards.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The name by which [`Admin::clients`] leaves out connections of this kind.
const NAME: &str = "test-admin";

/// A connection that looks at the server and makes trouble. Its methods panic when the server does
/// not answer; [`try_run`](Self::try_run) does not.
#[derive(Debug, Clone)]
pub struct Admin {
    connection: MultiplexedConnection,
}

impl Admin {
    /// Connects to a `redis://` address.
    ///
    /// # Errors
    ///
    /// What the connection attempt said.
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
    /// What the server or the connection answered.
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
    /// With the command and the error if it does not.
    pub async fn run<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let answer = self.try_run(command).await;
        answer.unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Everyone who is connected, this kind of connection left out.
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

    /// `CLIENT KILL TYPE`, where `kind` is `pubsub` or `normal`; how many it were. This connection
    /// survives.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn kill_clients(&self, kind: &str) -> usize {
        self.run(&["CLIENT", "KILL", "TYPE", kind]).await
    }

    /// Publishes; how many received it.
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

    /// How many connections are subscribed to `channel`.
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

    /// The field's value, empty where the server does not tell.
    #[must_use]
    pub fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// Whether it is in subscriber mode.
    #[must_use]
    pub fn is_subscriber(&self) -> bool {
        self.get("flags").contains('P')
    }
}
