//! The epochs of a store: a store that was restarted may have gone back in time, to a state in which
//! entries are still there that were evicted since.

use std::collections::HashMap;

use redis::RedisResult;

use super::commands::Open;
use crate::server_info::Identity;
use crate::sync::Mutex;

/// What every generation that counts begins with. It ends with the server's identity, and with it every
/// generation that the store still has.
///
/// Where the server does not tell its identity, every new connection deletes the generation instead.
#[derive(Default)]
pub(super) struct Epochs {
    /// The latest connection that has deleted a generation.
    deleted: Mutex<HashMap<String, u64>>,
}

impl Epochs {
    /// The epoch of the store that a connection leads to, for a generation.
    pub(super) async fn of(&self, generation: &str, open: &mut Open) -> RedisResult<String> {
        if let Some(Identity(identity)) = open.server.identity {
            return Ok(format!("{identity:016x}-"));
        }
        let deleted = self.deleted.lock().get(generation) == Some(&open.number);
        if !deleted {
            let mut delete = redis::cmd("DEL");
            let () = delete
                .arg(generation)
                .query_async(&mut open.connection)
                .await?;
            let mut deleted = self.deleted.lock();
            deleted.insert(generation.to_owned(), open.number);
        }
        Ok(String::new())
    }
}
