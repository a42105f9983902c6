//! Several commands in one round trip.

use redis::{Cmd, Pipeline};

/// Most keys that one command deletes.
pub(super) const MOST_DELETED: usize = 1000;

/// A pipeline of commands. Each has an answer of its own, which may be an error.
pub(super) fn pipeline(commands: impl IntoIterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command);
    }
    // The error of the whole pipeline would tell how many commands failed, but not why.
    pipeline.ignore_errors();
    pipeline
}

/// The commands that delete keys.
pub(super) fn deletions(keys: &[String]) -> impl Iterator<Item = Cmd> {
    keys.chunks(MOST_DELETED).map(|keys| {
        let mut command = redis::cmd("DEL");
        command.arg(keys);
        command
    })
}
