//! Several commands in one round trip.

use std::collections::BTreeMap;

use redis::{Cmd, Pipeline};

use crate::slot::slot_of;

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

/// The commands that delete keys, with the first key of each. In a cluster, a command may name keys of
/// one slot only.
pub(super) fn deletions(keys: &[String], cluster: bool) -> Vec<(&str, Cmd)> {
    let mut slots: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for key in keys {
        let slot = if cluster { slot_of(key) } else { 0 };
        slots.entry(slot).or_default().push(key);
    }
    let chunks = slots.values().flat_map(|keys| keys.chunks(MOST_DELETED));
    chunks
        .map(|keys| {
            let mut command = redis::cmd("DEL");
            command.arg(keys);
            (keys[0], command)
        })
        .collect()
}
