//! Whether a node is the primary of a slot.
//!
//! A replica accepts publications as well, and so does a node that is cut off from most others; with plain
//! pub/sub, any node does. None of them lets a key of the slot be read.

use redis::{Cmd, RedisError, RedisResult, Value};

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
    // Only the primary answers with `ASK`, while the slot is being moved.
    let is_primary = |error: &RedisError| error.code() == Some("ASK");
    match answer.extract_error() {
        Err(error) if !is_primary(&error) => Err(error),
        _ => Ok(()),
    }
}
