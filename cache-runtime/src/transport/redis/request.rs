//! The requests that are sent over a connection for commands.

use std::sync::OnceLock;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisResult, ServerErrorKind, Value};

use super::commands::Work;
use super::open::Open;
use super::pipeline::pipeline;
use super::sha1::sha1;

/// A request to the server.
pub(crate) enum Request<'a> {
    Command(Cmd),
    /// Several commands. The server may run commands of other clients between them.
    All(Pipeline),
    Script(Call<'a>),
}

/// A script, sent in full only to a server that does not know it.
pub(crate) struct Script {
    code: &'static str,
    hash: OnceLock<Box<str>>,
}

/// A script with its keys and arguments.
pub(crate) struct Call<'a> {
    pub(crate) script: &'static Script,
    pub(crate) keys: &'a [&'a str],
    pub(crate) arguments: &'a [&'a [u8]],
}

impl Request<'_> {
    /// Several commands, whose answers come as one list.
    pub(crate) fn all(commands: impl IntoIterator<Item = Cmd>) -> Self {
        Self::All(pipeline(commands))
    }

    /// Sends it. An epoch becomes the last argument of a script.
    pub(super) async fn send(&self, open: &mut Open, epoch: Option<&str>) -> RedisResult<Value> {
        let connection = &mut open.connection;
        match self {
            Self::Command(command) => command.query_async(connection).await,
            Self::All(commands) => {
                let answers: Value = commands.query_async(connection).await?;
                answers.extract_error()
            }
            Self::Script(call) => call.send(connection, epoch).await,
        }
    }
}

impl Work for Request<'_> {
    type Answer = Value;

    async fn run(&self, open: &mut Open) -> RedisResult<Value> {
        self.send(open, None).await
    }
}

impl Script {
    pub(crate) const fn new(code: &'static str) -> Self {
        Self {
            code,
            hash: OnceLock::new(),
        }
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn hash(&self) -> &str {
        let hash = || sha1(self.code).into();
        self.hash.get_or_init(hash)
    }
}

impl Call<'_> {
    async fn send(
        &self,
        connection: &mut MultiplexedConnection,
        epoch: Option<&str>,
    ) -> RedisResult<Value> {
        let known = self.command("EVALSHA", self.script.hash(), epoch);
        match known.query_async(connection).await {
            // The server does not know the script, for example after a restart. `EVAL` teaches it.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let full = self.command("EVAL", self.script.code, epoch);
                full.query_async(connection).await
            }
            answer => answer,
        }
    }

    fn command(&self, name: &str, script: &str, epoch: Option<&str>) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len());
        command.arg(self.keys).arg(self.arguments).arg(epoch);
        command
    }
}

/// A script, behind the functions that it calls.
macro_rules! script {
    ($($file:literal),*) => {
        Script::new(concat!($(include_str!($file)),*))
    };
}
pub(super) use script;
