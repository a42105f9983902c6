//! The epochs of a store. A store that was restarted may hold an earlier state, with entries that
//! were evicted since.

use std::collections::HashMap;

use redis::RedisResult;

use super::open::Open;
use crate::server_info::Identity;
use crate::sync::Mutex;

/// The epoch is the prefix of every valid generation, and is made of the identity of the server that
/// the connection was opened to. After a restart the identity differs, so the generations that the
/// store still holds are not valid. If the connection was moved to another server, that makes no
/// generation of this epoch, so what it holds is not valid either.
///
/// If the server does not tell its identity, each new connection deletes the generation instead.
#[derive(Default)]
pub(super) struct Epochs {
    /// The latest connection that has deleted each generation.
    deleted: Mutex<HashMap<String, u64>>,
}

impl Epochs {
    /// The epoch of the store that a connection leads to. Without an identity, deletes the
    /// generation when it is first used on the connection.
    pub(super) async fn of(&self, generation: &str, open: &mut Open) -> RedisResult<String> {
        if let Some(Identity(identity)) = open.identity {
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
