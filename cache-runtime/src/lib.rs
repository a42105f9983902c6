//! Keeps caches right when a service runs in several instances.
//!
//! One instance changes a value that others have cached. This crate tells them over Redis pub/sub,
//! and makes sure that no message is lost unnoticed. Whenever messages of a channel may have been
//! lost, its caches are flushed and its other subscribers receive the event's `All`. The channel
//! counts as live again only when a test message has come back.
//!
//! The [guides](guide) say what is promised, which cache fits, how to run, test and measure it, and how
//! common tasks are done.
//!
//! # Two items to write
//!
//! Write an enum of what can change, and a struct for the channel on which changes are published.
//! The builder of a cache says what an event evicts:
//!
//! ```
//! use std::time::Duration;
//!
//! use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
//!
//! /// Which channels the bot is active in has changed.
//! #[derive(Debug, InvalidationEvent)]
//! enum ChannelActivationEvent {
//!     Channel { channel_id: String }, // {"type":"channel","channelId":"…"}
//!     All,                            // {"type":"all"}
//! }
//!
//! #[cache_invalidation(
//!     channel = "cache:channel-activation-invalidation",
//!     event = ChannelActivationEvent
//! )]
//! struct ChannelActivationInvalidation;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In production: Bus::redis("redis://127.0.0.1").connect().await?
//! let bus = Bus::in_process();
//!
//! let service = ChannelActivationInvalidation::new(&bus);
//! let ttl = Duration::from_secs(30);
//! let active = CoherentCache::<String, bool>::builder("channel-activation", ttl)
//!     .evict_on(&service, |event| match event {
//!         ChannelActivationEvent::Channel { channel_id } => Evict::key(channel_id),
//!         ChannelActivationEvent::All => Evict::All,
//!     })
//!     .build()?;
//! bus.ready().await?;
//!
//! assert!(active.get_or_load("123", || async { true }).await);
//!
//! // The instance that changes the database does this afterwards.
//! service.invalidate_channel("123").await?;
//! assert_eq!(active.get("123"), None);
//! # Ok(())
//! # }
//! ```
//!
//! The derive writes the [wire format and a strict validator](InvalidationEvent), and one
//! `invalidate_…` method per variant. The attribute gives the struct a constructor from a [`Bus`]
//! and everything that an [`Invalidator`](service::Invalidator) can do. It also registers the
//! channel: [`service::channels`] lists the channels of the whole program, and [`audit()`] shows
//! the caches that they evict from. [`Services`] finds a service by its type.
//!
//! # Which cache to use
//!
//! Ask in this order; the first yes decides.
//!
//! | | cache |
//! |---|---|
//! | Is it small, read as a whole, and must it always answer? | [`Snapshot`] |
//! | Does staleness cause wrong behaviour? | [`CoherentCache`] |
//! | Is it expensive data from elsewhere, the same for all instances? | [`RedisCache`] |
//! | Is it read often? | [`TtlCache`] |
//! | May the same request arrive twice? | [`Dedup`] |
//! | Is it a rate limit? | [`Cooldown`], or [`RedisCooldown`] for all instances together |
//! | | none, probably |
//!
//! Data that is expensive, and wrong when stale, belongs in a [`RedisCache`] with
//! [`evict_on`](redis::Builder::evict_on). [Choosing a cache](guide::choosing) compares them, with an
//! example of each.
//!
//! The required settings of a cache are arguments of its `builder`, in the order bus, name, TTL;
//! the others are setters. All caches have the same verbs where they make sense: `get`, `insert`,
//! `remove`, `contains`, `get_or_load` and `try_get_or_load`.
//!
//! # What a loss is, and what follows
//!
//! A loss is a disconnect, a silent network, a frozen server or an overflow on either side. A
//! subscription that the server ends, a canary that is missing, a server that is no primary, and
//! two connections to different servers are losses too. A flush also follows a rejected message,
//! but the channel stays live. A handler that panics receives `All`.
//!
//! The bus regularly publishes a test message, the canary, and receives it over the same two
//! connections as events. A channel is [live](bus::Health::Live) while its subscription is
//! confirmed and the latest complete canary was sent less than a lease ago. A canary is complete
//! when it has come back and the server has answered on both that it is a primary.
//! While a channel is not live, a [`CoherentCache`] is bypassed, unless
//! [`WhileDown`](coherent::WhileDown) says otherwise.
//!
//! [`Invalidator::subscribe`](service::Invalidator::subscribe) says when handlers receive `All`,
//! and [`subscribe_inline`](service::Invalidator::subscribe_inline) says when inline subscribers
//! do.
//!
//! # Features
//!
//! | feature | default | what for |
//! |---|---|---|
//! | `redis` | yes | the Redis transport; without it there is only the in-process bus |
//! | `tls-rustls` | | `rediss://` addresses through rustls |
//! | `tls-native-tls` | | `rediss://` addresses through the platform's own TLS library |
//! | `metrics` | | the [`metrics`](https://docs.rs/metrics) facade reads what is counted, for Prometheus and others |
//! | `otel` | | OpenTelemetry reads the same |
//! | `outbox-sqlite` | | the [`transactional_outbox`] in SQLite, by `rusqlite` |
//! | `doctor` | | whether a server can be used, who is there, what goes over a channel: `doctor` |
//! | `cli` | | the program `cache-runtime`, and a function to build one that knows your events: `cli` |
//! | `export` | | the wire contract of events for other languages: `export` |
//! | `page` | | the audit as a page for browsers: `page` |
//! | `testing` | | for tests of a program: outages, one clock, a barrier, a recorder: `testing` |
//! | `outbox-postgres` | | the [`transactional_outbox`] in PostgreSQL, by `tokio-postgres` |
//!
//! `cache_runtime::metrics` and `cache_runtime::otel` list the metrics. Loads, fetches from Redis and
//! publications are `tracing` spans at debug level: `cache.load` and `cache.fetch` with the field `cache`,
//! and `channel.publish` with `channel`. They name no key.
//!
//! With TLS, the system's certificates are trusted, or those given to `BusBuilder::tls_authority`.
//!
//! rustls uses ring, unless the program has installed another provider.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use cache_derive::{InvalidationEvent, cache_invalidation};

pub mod audit;
mod backoff;
mod barrier;
pub mod bus;
pub mod cache;
mod channel;
#[cfg(feature = "cli")]
pub mod cli;
mod clock;
mod counters;
pub mod defaults;
#[cfg(feature = "doctor")]
pub mod doctor;
mod driver;
mod error;
pub mod event;
#[cfg(feature = "export")]
pub mod export;
#[cfg(doc)]
pub mod guide;
mod health;
mod io_thread;
mod keyspace;
mod link;
mod log_throttle;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "otel")]
pub mod otel;
mod outbox;
#[cfg(feature = "page")]
pub mod page;
mod place;
mod queue;
mod random;
mod remedy;
mod server_info;
pub mod service;
mod settings;
#[cfg(simulation)]
mod simulation;
mod slot;
mod sync;
#[cfg(any(feature = "metrics", feature = "otel"))]
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transactional_outbox;
mod transport;
mod weak_list;
mod wire;

pub use audit::local::audit;
pub use bus::handle::Bus;
pub use cache::coherent::CoherentCache;
pub use cache::cooldown::Cooldown;
pub use cache::dedup::Dedup;
pub use cache::error::BuildError;
pub use cache::evict::Evict;
pub use cache::redis::RedisCache;
pub use cache::redis_cooldown::RedisCooldown;
pub use cache::snapshot::Snapshot;
pub use cache::ttl::TtlCache;
pub use clock::ManualClock;
pub use event::invalidation_event::InvalidationEvent;
pub use service::locator::Services;

/// The builder, the tokens and the policies of a [`CoherentCache`].
pub mod coherent {
    pub use crate::cache::coherent::{
        Builder, HasEvents, LoadToken, NoEvents, WhileDown, WithEvents,
    };
}

/// The builder, the policies, the readers and the errors of a [`Snapshot`].
pub mod snapshot {
    pub use crate::cache::snapshot::{
        Builder, Freshness, LoadError, Reader, Reading, SnapshotStats, StaleCause, WhileDown,
    };
}

/// The builder of a [`TtlCache`].
pub mod ttl {
    pub use crate::cache::ttl::Builder;
}

/// The builder, the answers and the statistics of a [`Cooldown`].
pub mod cooldown {
    pub use crate::cache::cooldown::{Builder, CooldownStats, Start};
}

/// The builder, the errors and the statistics of a [`RedisCooldown`].
pub mod redis_cooldown {
    pub use crate::cache::redis_cooldown::{Builder, RedisCooldownError, RedisCooldownStats};
}

/// The builder, the codec, the answers, the errors and the statistics of a [`Dedup`].
pub mod dedup {
    pub use crate::cache::dedup::{Builder, DedupError, DedupStats, Json, Release, Reservation};
}

/// The builder, the policies, the codecs, the keys and the errors of a [`RedisCache`].
pub mod redis {
    pub use crate::cache::redis::{
        Builder, Codec, Coherent, ContentKey, Json, KeyOf, LoadError, Loaded, OnFlush, Plain,
        RedisCacheError, RedisCacheStats, RedisKey, WhileDown, Writable, content_key,
    };
}

/// What generated code uses; not for users, and without any promise of stability.
#[doc(hidden)]
pub mod __private {
    pub use crate::bus::handle::publish_raw;
    #[cfg(all(feature = "redis", feature = "testing"))]
    pub use crate::bus::pushed::pushed;
    pub use crate::channel::{DeclaredChannel, Logging, check_channel};
    pub use crate::event::methods::{EventMethods, Publisher};
    pub use crate::keyspace::Keyspace;
    pub use crate::service::handle::{Handle, MoveDerivesBelowCacheInvalidation};
    pub use crate::settings::OnRejected;
    pub use crate::transport::{
        Acquired, Content, DeleteIf, EntryKeys, Filled, Found, Record, Seek, Stored, Token,
    };
    pub use crate::wire::{
        AsString, EventField, FieldType, Member, NoOption, Probe, Writer, field, field_as_string,
        refuse_option, scan, typed, typed_as_string,
    };
    pub use ::inventory;

    use crate::{CoherentCache, Evict};
    use std::hash::Hash;

    /// Evicts as an event would. For the benchmarks.
    pub fn evict<K, V>(cache: &CoherentCache<K, V>, evict: &Evict<K>)
    where
        K: Hash + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        cache.evict(evict);
    }

    #[cfg(any(simulation, shuttle))]
    pub use crate::remedy::{Remedy, switch_off};

    /// What stands in for the machine and for Redis in a simulation.
    #[cfg(simulation)]
    pub mod simulation {
        pub use crate::bus::handle::simulated as bus;
        pub use crate::simulation::random::number as random;
        pub use crate::simulation::time::elapsed;
        pub use crate::simulation::{Process, begin, time_passed};
        pub use crate::transport::simulated::{Direction, Limits, Network};
    }

    /// The protocol core, for the simulator and the search through its states.
    pub mod link {
        pub use crate::link::{
            Audience, ChannelId, FlushCause, Input, Link, Output, Side, Timings,
        };
        pub use crate::server_info::{Identity, Role, ServerInfo};
    }
}
