//! Whether a node is the primary of a slot.
//!
//! A replica accepts publications as well, and so does a node that is cut off from most others; with plain
//! pub/sub, any node does. None of them lets a key of the slot be read.

use redis::{Cmd, ErrorKind, RedisResult, Value};

use super::failure::Failures;
use crate::slot::number_in;

/// The command that asks.
pub(super) fn probe(failures: &Failures, slot: u16) -> Cmd {
    let mut command = redis::cmd("EXISTS");
    command.arg(failures.own_key(&format!("{{{}}}", number_in(slot))));
    command
}

/// Its answer.
///
/// # Errors
///
/// When the node is not the primary of the slot.
pub(super) fn probed(answer: Value) -> RedisResult<()> {
    match answer.extract_error() {
        Ok(Value::Int(_)) => Ok(()),
        Ok(_) => Err((ErrorKind::UnexpectedReturnType, "`EXISTS` has no number").into()),
        // Only the primary answers with `ASK`, while the slot is being moved.
        Err(error) if error.code() == Some("ASK") => Ok(()),
        Err(error) => Err(error),
    }
}
