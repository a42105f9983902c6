//! Audits of real caches and channels.
//!
//! An audit covers the whole process, with all tests that run at the same time. So each test uses
//! names of its own.

mod flags;
mod peers;
mod rows;

use cache_runtime::audit::Audit;
use cache_runtime::audit::Row;
use cache_runtime::bus::BusBuilder;
use cache_runtime::service::Invalidator;
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, audit};
use std::time::Duration;

/// Users have changed.
#[derive(Debug, Clone, InvalidationEvent)]
pub(crate) enum UserEvent {
    /// One user.
    User { user_id: String },
    /// One user has another name.
    Renamed { user_id: String },
    /// Everything.
    All,
}

pub(crate) const TTL: Duration = Duration::from_secs(30);

/// A coherent cache that does not evict on `Renamed`.
#[track_caller]
pub(crate) fn coherent(name: &str, users: &Invalidator<UserEvent>) -> CoherentCache<String, u32> {
    CoherentCache::builder(name, TTL)
        .max_entries(100)
        .evict_on(users, |event| match event {
            UserEvent::User { user_id } => Evict::key(user_id),
            UserEvent::Renamed { .. } => Evict::Nothing,
            UserEvent::All => Evict::All,
        })
        .build()
        .unwrap()
}

/// A bus over a server, which soon notices if the server ends.
pub(crate) fn builder(url: &str) -> BusBuilder {
    Bus::redis(url)
        .heartbeat(Duration::from_millis(50))
        .backoff(Duration::from_millis(10), Duration::from_millis(100))
}

/// The rows of this name.
pub(crate) fn rows(audit: &Audit, name: &str) -> Vec<Row> {
    let rows = audit.rows().iter();
    rows.filter(|row| row.name == name).cloned().collect()
}

/// The only row of this name.
#[track_caller]
pub(crate) fn row(name: &str) -> Row {
    let found = rows(&audit(), name);
    let [row] = &found[..] else {
        panic!("expected one row `{name}`, found {found:#?}");
    };
    row.clone()
}

/// The flags of the only row of this name.
#[track_caller]
pub(crate) fn flags(name: &str) -> Vec<String> {
    texts(&row(name))
}

pub(crate) fn texts(row: &Row) -> Vec<String> {
    row.flags.iter().map(ToString::to_string).collect()
}
