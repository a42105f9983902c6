//! Whether a server still is a primary, asked in the round trip of what needs one.
//!
//! A replica accepts `PUBLISH`, for its own subscribers only. It refuses to write, also where a write
//! would change nothing. That is asked, because `HELLO` has a long answer and takes the server twice as
//! long. `WAIT` is cheaper, but a primary without the replicas that it needs accepts it. A user may lack
//! the right to write the list of instances; then `HELLO` is sent all the same. A replica that is set to
//! accept writes is found out by the next canary.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value, cmd};

use super::failure::{Failures, is_alone, is_wrong_server, not_primary};
use super::pipeline::pipeline;
use super::server_info::{hello, role};
use crate::server_info::Role;

/// The rest of the name of [`INSTANCES_KEY`](crate::settings::INSTANCES_KEY).
const LIST: &str = "instances";

/// Sends commands that need a primary, on one connection. Clones share it.
#[derive(Clone)]
pub(super) struct Asker {
    connection: MultiplexedConnection,
    /// Whether the user lacks the right to write the list of instances.
    may_not_write: Arc<AtomicBool>,
}

/// What the server has answered.
pub(super) struct Answered {
    /// To each command. They may be errors.
    pub(super) answers: Vec<Value>,
    /// An error if the server was no primary after the commands, or lacked the replicas that its
    /// operator demands, so that it may have been replaced.
    pub(super) check: RedisResult<()>,
}

impl Asker {
    pub(super) fn new(connection: MultiplexedConnection) -> Self {
        Self {
            connection,
            may_not_write: Arc::default(),
        }
    }

    /// Sends commands, and asks behind them.
    ///
    /// # Errors
    ///
    /// When the connection ends before everything is answered.
    pub(super) async fn send(
        &self,
        commands: impl IntoIterator<Item = Cmd>,
        failures: &Failures,
    ) -> RedisResult<Answered> {
        let mut connection = self.connection.clone();
        let pipeline = pipeline(commands.into_iter().chain([self.question(failures)]));
        let mut answers: Vec<Value> = pipeline.query_async(&mut connection).await?;
        let answer = answers.pop().unwrap_or(Value::Nil);
        let check = self.check(answer, failures, connection).await;
        Ok(Answered { answers, check })
    }

    fn question(&self, failures: &Failures) -> Cmd {
        if self.may_not_write.load(Ordering::Relaxed) {
            return hello();
        }
        // No instance has an empty name.
        let mut remove = cmd("ZREM");
        remove.arg(failures.own_key(LIST)).arg("");
        remove
    }

    async fn check(
        &self,
        answer: Value,
        failures: &Failures,
        mut connection: MultiplexedConnection,
    ) -> RedisResult<()> {
        let said = match answer.extract_error() {
            Ok(Value::Int(_)) => return Ok(()),
            Ok(said) => said,
            Err(error) if is_wrong_server(&error) || is_alone(&error) => return Err(error),
            Err(error) => {
                if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) {
                    self.may_not_write.store(true, Ordering::Relaxed);
                }
                hello().query_async(&mut connection).await?
            }
        };
        match role(&failures.address, &said) {
            Role::Primary => Ok(()),
            Role::Other(role) => Err(not_primary(&role)),
        }
    }
}
