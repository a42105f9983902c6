//! What is sent over the connection for commands.

use std::sync::OnceLock;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisResult, ServerErrorKind, Value};

/// What is sent to the server in one round trip.
pub(crate) enum Request<'a> {
    Command(Cmd),
    /// Several commands. Those of other clients may come between them.
    All(Pipeline),
    Script(Call<'a>),
}

/// Whether a request may be sent again that may have been carried out already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It does no harm.
    Yes,
    /// Another client may have read, written or deleted the key in between.
    No,
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
    /// Several commands, answered by the list of their answers.
    pub(crate) fn all(commands: impl IntoIterator<Item = Cmd>) -> Self {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command);
        }
        // The error of the whole would tell how many commands failed, and not why.
        pipeline.ignore_errors();
        Self::All(pipeline)
    }

    pub(super) async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Value> {
        match self {
            Self::Command(command) => command.query_async(connection).await,
            Self::All(commands) => {
                let answers: Value = commands.query_async(connection).await?;
                answers.extract_error()
            }
            Self::Script(call) => call.send(connection).await,
        }
    }
}

impl Script {
    pub(crate) const fn new(code: &'static str) -> Self {
        Self {
            code,
            hash: OnceLock::new(),
        }
    }

    fn hash(&self) -> &str {
        let hash = || redis::Script::new(self.code).get_hash().into();
        self.hash.get_or_init(hash)
    }
}

impl Call<'_> {
    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Value> {
        let known = self.command("EVALSHA", self.script.hash());
        match known.query_async(connection).await {
            // As after a restart. From then on the server knows the script.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let full = self.command("EVAL", self.script.code);
                full.query_async(connection).await
            }
            answer => answer,
        }
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len());
        command.arg(self.keys).arg(self.arguments);
        command
    }
}
