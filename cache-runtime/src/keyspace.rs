//! The keys and values of a bus: what caches keep in Redis, or in the process for an in-process
//! bus.
//!
//! Callers give keys without the namespace of the bus; the operations put it in front. The keys of an
//! entry have it already. Both backends behave alike. A command without an answer may have been
//! carried out. It is sent again, on a new connection, only where a second execution does no harm.
//!
//! Every operation fails when the server cannot be reached, does not answer in time, refuses the
//! command or answers with an error. It also fails when the bus is closed, or when two services use
//! one channel for different events.

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
use crate::transport::redis::{keys as redis, many};
use crate::transport::{
    Acquired, Backend, Compare, Content, DeleteIf, EntryKeys, Filled, Found, Record, Seek, Store,
    Token,
};

/// The keys and values of a bus. Cheap to clone; keeps the bus alive.
///
/// Values may be any bytes. TTLs are cut to whole milliseconds, and are at least 1 ms.
#[derive(Clone)]
pub struct Keyspace {
    bus: Arc<Shared>,
}

/// Calls an operation of the backend in use.
macro_rules! dispatch {
    ($keyspace:expr, $operation:ident($($argument:expr),*)) => {
        match $keyspace.bus.backend()? {
            Backend::InProcess(store) => Ok(store.$operation($($argument),*)),
            #[cfg(feature = "redis")]
            Backend::Redis(redis) => redis::$operation(redis, $($argument),*).await,
        }
    };
}

/// Calls an operation of the backend in use for several entries.
macro_rules! dispatch_many {
    ($keyspace:expr, $operation:ident($items:expr $(, $argument:expr)*), $in_process:expr) => {
        match $keyspace.bus.backend() {
            Ok(Backend::InProcess(store)) => {
                let operation = $in_process;
                $items.iter().map(|item| Ok(operation(store, item))).collect()
            }
            #[cfg(feature = "redis")]
            Ok(Backend::Redis(redis)) => many::$operation(redis, $items $(, $argument)*).await,
            Err(cause) => $items.iter().map(|_| Err(cause.clone())).collect(),
        }
    };
}

/// What became of a command for each of several entries.
type Each<T> = Vec<Result<T, Cause>>;

/// Several entries at a time, in one round trip as far as they fit. Each has an answer of its own.
impl Keyspace {
    /// As [`lookup`](Self::lookup).
    pub(crate) async fn lookup_many(&self, entries: &[&EntryKeys]) -> Each<Option<Found>> {
        let lookup = |store: &Store, names: &&EntryKeys| store.lookup(names);
        dispatch_many!(self, lookup(entries), lookup)
    }

    /// As [`acquire`](Self::acquire).
    pub(crate) async fn acquire_many(
        &self,
        entries: &[(&EntryKeys, Seek)],
        lock_ttl: Duration,
    ) -> Each<Acquired> {
        let acquire = |store: &Store, (names, seek): &(&EntryKeys, Seek)| {
            store.acquire(names, *seek, lock_ttl)
        };
        dispatch_many!(self, acquire(entries, lock_ttl), acquire)
    }

    /// As [`fill`](Self::fill).
    pub(crate) async fn fill_many(
        &self,
        fills: &[(&Token, Content<'_>, Duration)],
    ) -> Each<Filled> {
        let fill = |store: &Store, (token, content, ttl): &(&Token, Content<'_>, Duration)| {
            store.fill(token, content, *ttl)
        };
        dispatch_many!(self, fill(fills), fill)
    }

    /// As [`put`](Self::put).
    pub(crate) async fn put_many(&self, puts: &[(&EntryKeys, Content<'_>, Duration)]) -> Each<()> {
        let put = |store: &Store, (names, content, ttl): &(&EntryKeys, Content<'_>, Duration)| {
            store.put(names, content, *ttl);
        };
        dispatch_many!(self, put(puts), put)
    }
}

impl Keyspace {
    /// The keys and values of `bus`.
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

    /// Where the keys are, as far as this process can tell: two buses of one server may be told
    /// apart, if they name it differently.
    pub(crate) fn store(&self) -> String {
        self.bus.store()
    }

    /// Whether keys are in slots of a cluster, so that one command may name keys of one slot only.
    pub(crate) fn has_slots(&self) -> bool {
        self.bus.is_cluster()
    }

    /// The number by which audits know the bus.
    pub(crate) fn bus_id(&self) -> u64 {
        self.bus.id()
    }

    /// The value of a key.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        dispatch!(self, get(&self.full(key)))
    }

    /// Stores a value, and replaces an existing one.
    pub async fn set(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), Cause> {
        dispatch!(self, set(&self.full(key), value, ttl))
    }

    /// Stores a value unless the key has one, which is then returned. Of concurrent calls, one
    /// stores.
    ///
    /// The value must contain a nonce, so that it differs from the values of all other calls. The
    /// command may be sent twice, and the second must recognise the value that the first stored.
    pub async fn set_if_absent(
        &self,
        key: &str,
        value: &[u8],
        ttl: Duration,
    ) -> Result<Option<Vec<u8>>, Cause> {
        dispatch!(self, set_if_absent(&self.full(key), value, ttl))
    }

    /// Stores a value unless the key has one, the rest of whose TTL is then returned; `Duration::MAX`
    /// if that does not end. Of concurrent calls, one stores. The value must contain a nonce, as for
    /// [`set_if_absent`](Self::set_if_absent).
    pub async fn claim(
        &self,
        key: &str,
        value: &[u8],
        ttl: Duration,
    ) -> Result<Option<Duration>, Cause> {
        dispatch!(self, claim(&self.full(key), value, ttl))
    }

    /// The rest of the TTL of a key; `None` if there is no such key, and `Duration::MAX` if its TTL does
    /// not end.
    pub async fn ttl(&self, key: &str) -> Result<Option<Duration>, Cause> {
        dispatch!(self, ttl(&self.full(key)))
    }

    /// Deletes keys, and returns how many existed.
    ///
    /// The command may be sent twice. Then keys that the first deleted are not counted.
    pub async fn delete(&self, keys: &[&str]) -> Result<u64, Cause> {
        let keys: Vec<String> = keys.iter().map(|key| self.full(key)).collect();
        dispatch!(self, delete(&keys))
    }

    /// Deletes a key, and returns whether it existed. Unlike that of [`delete`](Self::delete), the command
    /// is sent once.
    pub async fn remove(&self, key: &str) -> Result<bool, Cause> {
        dispatch!(self, remove(&self.full(key)))
    }

    /// Deletes a key if this is its value.
    pub async fn delete_if_equal(&self, key: &str, value: &[u8]) -> Result<DeleteIf, Cause> {
        dispatch!(self, delete_if(&self.full(key), value, Compare::Whole))
    }

    /// Deletes a key if its value starts with `start`.
    pub async fn delete_if_starts_with(&self, key: &str, start: &[u8]) -> Result<DeleteIf, Cause> {
        dispatch!(self, delete_if(&self.full(key), start, Compare::Start))
    }

    /// How many keys start with `prefix`.
    ///
    /// This scans all keys of the server in steps, between which the server does other work. Keys
    /// that are stored or deleted during the scan may or may not be counted.
    pub async fn count(&self, prefix: &str) -> Result<u64, Cause> {
        dispatch!(self, count(&self.full(prefix)))
    }

    /// Stores a record of this process for all processes of the server, and returns the records of
    /// the others, the youngest first. One round trip, and one key.
    ///
    /// Records older than `ttl` are dropped, and so are the oldest if there are more than `most`,
    /// this process's included. Ages are measured by the server's clock. An in-process bus has no
    /// other processes, so it stores and returns nothing.
    pub async fn exchange_records(
        &self,
        process: &str,
        content: &[u8],
        ttl: Duration,
        most: usize,
    ) -> Result<Vec<Record>, Cause> {
        let key = self.full(AUDIT_KEY);
        let content = Some(content);
        dispatch!(self, exchange_records(&key, process, content, ttl, most))
    }

    /// The records of all processes, as [`exchange_records`](Self::exchange_records) reads them. Stores
    /// none.
    #[cfg(feature = "doctor")]
    pub(crate) async fn records(&self, ttl: Duration, most: usize) -> Result<Vec<Record>, Cause> {
        let key = self.full(AUDIT_KEY);
        dispatch!(self, exchange_records(&key, "", None, ttl, most))
    }

    /// What an entry holds, unless its generation has ended. One round trip, except for a value that
    /// is empty.
    pub async fn lookup(&self, names: &EntryKeys) -> Result<Option<Found>, Cause> {
        dispatch!(self, lookup(names))
    }

    /// A token for a load, unless another caller has it. With [`Seek::Missing`], a stored value is
    /// returned instead.
    ///
    /// Call it before the load begins: an eviction after this call keeps the loaded value from
    /// being stored. The token expires after `lock_ttl`.
    pub async fn acquire(
        &self,
        names: &EntryKeys,
        seek: Seek,
        lock_ttl: Duration,
    ) -> Result<Acquired, Cause> {
        dispatch!(self, acquire(names, seek, lock_ttl))
    }

    /// Stores a loaded value if the token is still valid, and gives the token back. After an error
    /// it is unknown whether the value is stored.
    pub async fn fill(
        &self,
        token: &Token,
        content: impl Into<Content<'_>>,
        ttl: Duration,
    ) -> Result<Filled, Cause> {
        let content = content.into();
        dispatch!(self, fill(token, &content, ttl))
    }

    /// Gives a token back without a value, so that the next caller need not wait until it expires.
    pub async fn give_up(&self, token: &Token) -> Result<(), Cause> {
        dispatch!(self, give_up(token))
    }

    /// Stores a value without a token. Values of loads in progress can no longer be stored.
    ///
    /// Only for an entry that is stored bare.
    pub async fn put(
        &self,
        names: &EntryKeys,
        content: impl Into<Content<'_>>,
        ttl: Duration,
    ) -> Result<(), Cause> {
        let content = content.into();
        dispatch!(self, put(names, &content, ttl))
    }

    /// Deletes the values and tokens of entries. Values of loads in progress can no longer be
    /// stored.
    pub async fn evict(&self, entries: &[EntryKeys]) -> Result<(), Cause> {
        let entries = entries.iter().cloned();
        let keys: Vec<String> = entries.flat_map(EntryKeys::evicted).collect();
        dispatch!(self, delete(&keys)).map(drop)
    }

    /// Deletes keys of a cache whose generation is under the key `generation`. All have their
    /// namespace already. Fails if the connection leads to another server than it was opened to.
    pub(crate) async fn evict_in_epoch(
        &self,
        generation: &str,
        keys: &[String],
    ) -> Result<(), Cause> {
        dispatch!(self, evict(generation, keys))
    }

    /// A key with its namespace.
    #[must_use]
    pub fn full(&self, key: &str) -> String {
        self.bus.settings().full_name(key)
    }
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyspace").finish_non_exhaustive()
    }
}
