//! The keys and values of a bus: what caches keep in Redis, or in its stand-in.
//!
//! Keys are given without the namespace of the bus, which is put in front of them. Both backends behave
//! alike. A command without an answer may have been carried out; it is sent again, on a new connection,
//! only where that does no harm.
//!
//! Every operation fails when the server cannot be reached, does not answer in time, refuses or fails, or
//! when the bus is closed.

#![expect(clippy::missing_errors_doc, reason = "said above, for every operation")]
#![cfg_attr(
    not(feature = "redis"),
    expect(clippy::unused_async, reason = "the other backend has to wait")
)]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::bus::{Bus, Shared};
use crate::health::Cause;
use crate::settings::AUDIT_KEY;
#[cfg(feature = "redis")]
use crate::transport::redis::keys as redis;
use crate::transport::{
    Acquired, Backend, Compare, DeleteIf, EntryKeys, Filled, Found, Record, Seek, Token,
};

/// The keys and values of a bus. Cheap to clone; keeps the bus alive.
///
/// Values may be any bytes. TTLs are in whole milliseconds, and one at least.
#[derive(Clone)]
pub struct Keyspace {
    bus: Arc<Shared>,
}

/// Calls an operation of the backend in use: `method(arguments)`.
macro_rules! dispatch {
    ($keyspace:expr, $operation:ident($($argument:expr),*)) => {
        match $keyspace.bus.backend()? {
            Backend::InProcess(store) => Ok(store.$operation($($argument),*)),
            #[cfg(feature = "redis")]
            Backend::Redis(redis) => redis::$operation(redis, $($argument),*).await,
        }
    };
}

impl Keyspace {
    /// That of a bus.
    #[must_use]
    pub fn new(bus: &Bus) -> Self {
        Self {
            bus: Arc::clone(bus.shared()),
        }
    }

    /// Whether the bus is closed. Then every operation fails.
    pub(crate) fn is_closed(&self) -> bool {
        self.bus.is_closed()
    }

    /// The number by which audits know the bus.
    pub(crate) fn bus_id(&self) -> u64 {
        self.bus.id()
    }

    /// The value of a key.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        dispatch!(self, get(&self.full(key)))
    }

    /// Stores a value, whatever was there.
    pub async fn set(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), Cause> {
        dispatch!(self, set(&self.full(key), value, ttl))
    }

    /// Stores a value unless there is one, which is returned. Of concurrent calls one stores.
    ///
    /// The value must differ from those of all other calls, by a nonce. The command may be sent twice, and
    /// the second must recognise the value of the first as its own.
    pub async fn set_if_absent(
        &self,
        key: &str,
        value: &[u8],
        ttl: Duration,
    ) -> Result<Option<Vec<u8>>, Cause> {
        dispatch!(self, set_if_absent(&self.full(key), value, ttl))
    }

    /// Deletes keys; returns how many there were.
    pub async fn delete(&self, keys: &[&str]) -> Result<u64, Cause> {
        let keys: Vec<String> = keys.iter().map(|key| self.full(key)).collect();
        dispatch!(self, delete(&keys))
    }

    /// Deletes a key if this is its value.
    pub async fn delete_if_equal(&self, key: &str, value: &[u8]) -> Result<DeleteIf, Cause> {
        dispatch!(self, delete_if(&self.full(key), value, Compare::Whole))
    }

    /// Deletes a key if its value begins like this.
    pub async fn delete_if_starts_with(&self, key: &str, start: &[u8]) -> Result<DeleteIf, Cause> {
        dispatch!(self, delete_if(&self.full(key), start, Compare::Start))
    }

    /// How many keys begin with `prefix`. It scans all keys of the server, in steps between which the
    /// server does other work. Keys that come or go meanwhile may be counted or not.
    pub async fn count(&self, prefix: &str) -> Result<u64, Cause> {
        dispatch!(self, count(&self.full(prefix)))
    }

    /// Leaves a record of this process where all processes of the server find it, and returns those of
    /// the others, the youngest first. A record is dropped after `ttl`, and the oldest are beyond
    /// `most`. The server's clock decides. One round trip, and one key.
    ///
    /// An in-process bus has no other processes: nothing is kept or returned.
    pub async fn exchange_records(
        &self,
        process: &str,
        content: &[u8],
        ttl: Duration,
        most: usize,
    ) -> Result<Vec<Record>, Cause> {
        let key = self.full(AUDIT_KEY);
        dispatch!(self, exchange_records(&key, process, content, ttl, most))
    }

    /// The value of an entry, unless its generation has ended. One round trip.
    pub async fn lookup(&self, names: &EntryKeys) -> Result<Option<Found>, Cause> {
        dispatch!(self, lookup(&self.names(names)))
    }

    /// A token for a load, unless another caller has it, or the value is there and suffices
    /// ([`Seek`]).
    ///
    /// Call it before the load begins: an eviction from then on keeps the value from being stored. The
    /// token ends by itself after `lock_ttl`.
    pub async fn acquire(
        &self,
        names: &EntryKeys,
        seek: Seek,
        lock_ttl: Duration,
    ) -> Result<Acquired, Cause> {
        dispatch!(self, acquire(self.names(names), seek, lock_ttl))
    }

    /// Stores what was loaded if the token still holds, and gives the token back. After an error it is
    /// unknown whether the value is stored.
    pub async fn fill(&self, token: &Token, value: &[u8], ttl: Duration) -> Result<Filled, Cause> {
        dispatch!(self, fill(token, value, ttl))
    }

    /// Gives a token back without a value, so that the next caller need not wait for its end.
    pub async fn give_up(&self, token: &Token) -> Result<(), Cause> {
        dispatch!(self, give_up(token))
    }

    /// Stores a value without a token. Loads on their way can no longer be stored.
    pub async fn put(&self, names: &EntryKeys, value: &[u8], ttl: Duration) -> Result<(), Cause> {
        dispatch!(self, put(&self.names(names), value, ttl))
    }

    /// Deletes the values and tokens of entries. Loads on their way can no longer be stored.
    pub async fn evict(&self, entries: &[EntryKeys]) -> Result<(), Cause> {
        let names = entries
            .iter()
            .flat_map(|names| [&names.value, &names.token]);
        let keys: Vec<String> = names.map(|key| self.full(key)).collect();
        dispatch!(self, delete(&keys)).map(drop)
    }

    /// Ends a generation, given by its key. Its values can no longer be found, and expire by their TTLs;
    /// loads on their way can no longer be stored. It takes as long for many entries as for few.
    pub async fn evict_all(&self, generation: &str) -> Result<(), Cause> {
        // The next one is random, so an old one never comes back, even if the server loses the key.
        dispatch!(self, delete(&[self.full(generation)])).map(drop)
    }

    fn full(&self, key: &str) -> String {
        self.bus.settings().full_name(key)
    }

    fn names(&self, names: &EntryKeys) -> EntryKeys {
        names.map(|key| self.full(key))
    }
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyspace").finish_non_exhaustive()
    }
}
