//! What is sent over the connection for commands.

use std::sync::OnceLock;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisResult, ServerErrorKind, Value};

/// Something that the server answers.
pub(crate) enum Request<'a> {
    Command(Cmd),
    /// Several commands in one round trip; those of others may come between them.
    All(Pipeline),
    Script(Call<'a>),
}

/// Whether to send a request again that may have been carried out already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It does no harm.
    Yes,
    /// In between somebody else may have read, written or deleted the key.
    No,
}

/// A script, sent in full only to a server that does not know it.
pub(crate) struct Script {
    code: &'static str,
    hash: OnceLock<Box<str>>,
}

/// A script with what it is to work on.
pub(crate) struct Call<'a> {
    pub(crate) script: &'static Script,
    pub(crate) keys: &'a [&'a str],
    pub(crate) arguments: &'a [&'a [u8]],
}

impl Request<'_> {
    /// To be answered by what each command is answered by.
    pub(crate) fn all(commands: impl IntoIterator<Item = Cmd>) -> Self {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command);
        }
        // As a whole it would tell how many commands failed, and not why.
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
            // After a restart, for one. It knows the script from then on.
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
