//! The runtime under another name, in a library with strict lints that requires documentation of
//! every public item.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, clippy::all, clippy::pedantic)]
#![deny(
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    single_use_lifetimes,
    unreachable_pub,
    unused_lifetimes,
    unused_qualifications,
    unused_results
)]

pub mod reexport;

use ::caches::service::Invalidator;
use ::caches::{InvalidationEvent, cache_invalidation};
use ::serde::{Deserialize, Serialize};
use ::std::string::String;
use ::std::vec::Vec;

/// The channel of [`Entries`].
pub const CHANNEL: &str = "renamed:entries";

/// A nested type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its key.
    pub key: String,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
#[invalidation(crate = ::caches, rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryEvent {
    /// These entries.
    SomeEntries {
        /// All of them.
        #[invalidation(non_empty)]
        entries: Vec<Entry>,
        /// In which language.
        language: String,
        /// Since when.
        since: u64,
    },
    /// The order of entries.
    Order,
    /// Anything.
    #[invalidation(all, method = "invalidate_everything")]
    Everything,
}

/// Tells of entries.
#[cache_invalidation(crate = ::caches, channel = CHANNEL, event = EntryEvent)]
#[derive(Debug, Clone)]
pub struct Entries;

/// Tells of entries too, and has a `new` of its own.
#[cache_invalidation(
    crate = ::caches,
    channel = "renamed:shards",
    constructor = "connect",
    on_rejected = "ignore",
    log_subscription = false,
    log_events = false,
    log_publish = false
)]
#[derive(Debug, Clone)]
pub struct Shards {
    /// How many there are.
    pub count: usize,
    events: Invalidator<EntryEvent>,
    #[cfg(any())]
    never: Never,
    #[cfg_attr(all(), doc = "Nor this.", cfg(any()))]
    nor: Never,
    /// How many copies there are of each.
    #[cfg_attr(all(), cfg(all()), allow(dead_code))]
    #[cfg_attr(any(), cfg(any()))]
    pub copies: usize,
}

impl Shards {
    /// Ten shards.
    #[must_use]
    pub fn new(bus: &::caches::Bus) -> Self {
        Self::connect(bus, 10, 2)
    }

    /// What the field names.
    #[must_use]
    pub fn invalidator(&self) -> &Invalidator<EntryEvent> {
        &self.events
    }
}

#[cfg(test)]
mod tests {
    use ::caches::Bus;
    use ::std::assert_eq;
    use ::std::prelude::v1::test;

    use super::{Entries, EntryEvent, Shards};
    use crate::InvalidationEvent as _;

    #[test]
    fn a_renamed_runtime_works() {
        ::tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                let bus = Bus::in_process();
                let _ = Entries::new(&bus)
                    .invalidate_some_entries(::std::vec![], "en", 1)
                    .await
                    .unwrap_err();
                let _ = Shards::new(&bus).invalidate_everything().await.unwrap();
                let _ = Shards::new(&bus)
                    .invalidator()
                    .invalidate_order()
                    .await
                    .unwrap();
            });
        let json = br#"{"type":"everything"}"#;
        assert_eq!(EntryEvent::all().encode().unwrap(), json);
    }
}
