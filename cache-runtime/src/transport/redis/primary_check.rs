//! Whether a server still is a primary, asked in the round trip of what needs one.
//!
//! A replica accepts `PUBLISH`, for its own subscribers only. It refuses to write, also where a write
//! would change nothing. That is asked, because the answer to `HELLO` is long: with it, 64 tasks publish
//! less than half as fast. A user may lack the right to write; then `HELLO` is sent all the same. A
//! replica that is set to accept writes is found out by the next canary.

use std::sync::atomic::{AtomicBool, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value, cmd};

use super::failure::{Failures, is_wrong_server, not_primary};
use super::server_info::{hello, role};
use crate::server_info::Role;

/// The rest of the name of [`INSTANCES_KEY`](crate::settings::INSTANCES_KEY).
const LIST: &str = "instances";

/// What is known of one server.
#[derive(Default)]
pub(super) struct PrimaryCheck {
    /// It refuses to write for another reason, such as a missing right.
    says_hello: AtomicBool,
}

impl PrimaryCheck {
    pub(super) fn question(&self, failures: &Failures) -> Cmd {
        if self.says_hello.load(Ordering::Relaxed) {
            return hello();
        }
        // No instance has an empty name.
        let mut remove = cmd("ZREM");
        remove.arg(failures.own_key(LIST)).arg("");
        remove
    }

    /// # Errors
    ///
    /// When the server is no primary.
    pub(super) async fn answered(
        &self,
        answer: Value,
        failures: &Failures,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<()> {
        let said = match answer.extract_error() {
            Ok(said @ Value::Map(_)) => said,
            Ok(_) => return Ok(()),
            Err(error) if is_wrong_server(&error) => return Err(error),
            Err(_) => {
                self.says_hello.store(true, Ordering::Relaxed);
                hello().query_async(connection).await?
            }
        };
        match role(&failures.address, &said) {
            Role::Primary => Ok(()),
            Role::Other(role) => Err(not_primary(&role)),
        }
    }
}
