//! The two backends that the suite runs on.

use std::time::Duration;

use cache_runtime::__private::{EntryKeys, Found, Keyspace, Stored};
use cache_runtime::Bus;
use cache_runtime::bus::Cause;
use support::{Server, eventually};

/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// Short enough to wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(30);

/// The most bytes of a value of an entry.
pub(crate) const MAX_BYTES: usize = 100;

/// A bus, and the server it needs, if any.
pub(crate) struct Backend {
    pub(crate) bus: Bus,
    pub(crate) kv: Keyspace,
    server: Option<Server>,
}

impl Backend {
    pub(crate) fn in_process() -> Self {
        Self::new(Bus::in_process(), None)
    }

    pub(crate) async fn redis() -> Self {
        let server = Server::start().await;
        Self::new(connect(&server).await, Some(server))
    }

    fn new(bus: Bus, server: Option<Server>) -> Self {
        let kv = Keyspace::new(&bus);
        Self { bus, kv, server }
    }

    /// Another instance, as if it were in another process.
    pub(crate) async fn another(&self) -> Bus {
        match &self.server {
            None => self.bus.another_instance(),
            Some(server) => connect(server).await,
        }
    }
}

async fn connect(server: &Server) -> Bus {
    let connected = Bus::redis(server.url()).connect().await;
    connected.expect("the server is running")
}

/// Waits until a key has no value.
pub(crate) async fn gone(kv: &Keyspace, key: &str) {
    let get = async || kv.get(key).await.unwrap();
    eventually("the key to expire", get, Option::is_none).await;
}

/// The value and the remaining TTL of a key, as a cache without generations finds them.
pub(crate) async fn found(kv: &Keyspace, key: &str) -> Result<Option<Found>, Cause> {
    let names = EntryKeys {
        value: kv.full(key),
        token: kv.full("token"),
        stored: Stored::Bare {
            absence: kv.full("absence"),
        },
        max_bytes: usize::MAX,
    };
    kv.lookup(&names).await
}

/// The keys of an entry that is stored as it is.
pub(crate) fn bare(key: &str) -> EntryKeys {
    EntryKeys {
        value: format!("cache:{key}"),
        token: format!("cache-runtime:lock:{{cache:{key}}}"),
        stored: Stored::Bare {
            absence: format!("cache-runtime:absent:{{cache:{key}}}"),
        },
        max_bytes: MAX_BYTES,
    }
}

/// The keys of an entry in a group.
pub(crate) fn grouped(key: &str, group: &str) -> EntryKeys {
    EntryKeys {
        stored: Stored::Sealed {
            generation: "cache:g".to_owned(),
            group: Some(format!("cache:g:{group}")),
        },
        ..entry(key)
    }
}

/// The keys of an entry, of a cache with a generation.
pub(crate) fn entry(key: &str) -> EntryKeys {
    EntryKeys {
        value: format!("cache:v:{key}"),
        token: format!("cache:t:{key}"),
        stored: Stored::Sealed {
            generation: "cache:g".to_owned(),
            group: None,
        },
        max_bytes: MAX_BYTES,
    }
}
