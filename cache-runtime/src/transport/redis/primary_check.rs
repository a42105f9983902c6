//! Whether a server still is a primary, asked in the round trip of what needs one.
//!
//! A replica accepts `PUBLISH`, for its own subscribers only. It refuses to write, also where a write
//! would change nothing. That is asked, because the answer to `HELLO` is long: with it, 64 tasks publish
//! half as fast. A user may lack the right to write the list of instances; then `HELLO` is sent all the
//! same. A replica that is set to accept writes is found out by the next canary.

use std::sync::atomic::Ordering;

use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value, cmd};

use super::failure::{Failures, is_alone, is_wrong_server, not_primary};
use super::open::Open;
use super::server_info::{hello, role};
use crate::server_info::Role;

/// The rest of the name of [`INSTANCES_KEY`](crate::settings::INSTANCES_KEY).
const LIST: &str = "instances";

pub(super) fn question(failures: &Failures, open: &Open) -> Cmd {
    if open.may_not_write.load(Ordering::Relaxed) {
        return hello();
    }
    // No instance has an empty name.
    let mut remove = cmd("ZREM");
    remove.arg(failures.own_key(LIST)).arg("");
    remove
}

/// # Errors
///
/// When the server is no primary, or lacks the replicas that its operator demands, so that it may have
/// been replaced.
pub(super) async fn answered(
    answer: Value,
    failures: &Failures,
    open: &mut Open,
) -> RedisResult<()> {
    let said = match answer.extract_error() {
        Ok(Value::Int(_)) => return Ok(()),
        Ok(said) => said,
        Err(error) if is_wrong_server(&error) || is_alone(&error) => return Err(error),
        Err(error) => {
            let is_forbidden = error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm);
            open.may_not_write.store(is_forbidden, Ordering::Relaxed);
            hello().query_async(&mut open.connection).await?
        }
    };
    match role(&failures.address, &said) {
        Role::Primary => Ok(()),
        Role::Other(role) => Err(not_primary(&role)),
    }
}
