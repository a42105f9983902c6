//! Caches that stay right when a service runs in several instances.
//!
//! One instance changes a value that others have cached; this crate tells them, over Redis pub/sub,
//! and makes sure that no such message is ever lost unnoticed. Whenever one may have been lost, the
//! caches concerned are emptied and other subscribers receive their event's `All`, and nothing counts
//! as live until a message is proven to get through again.
//!
//! # Two items to write
//!
//! An enum of what can become stale, and a struct for the channel it is published on. What they
//! evict is said where a cache is built:
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
//! let active = CoherentCache::<String, bool>::builder("channel-activation")
//!     .ttl(Duration::from_secs(30))
//!     .evict_on(&service, |event| match event {
//!         ChannelActivationEvent::Channel { channel_id } => Evict::key(channel_id),
//!         ChannelActivationEvent::All => Evict::All,
//!     })
//!     .build()?;
//! bus.ready().await?;
//!
//! assert!(active.get_or_load("123", || async { true }).await);
//!
//! // Whichever instance changes the database does this afterwards.
//! service.invalidate_channel("123").await?;
//! assert_eq!(active.get("123"), None);
//! # Ok(())
//! # }
//! ```
//!
//! The derive writes the [wire format and the strict validator](InvalidationEvent) and one
//! `invalidate_…` method a variant. The attribute gives the struct a constructor from a [`Bus`] and
//! everything an [`Invalidator`] can do, and registers the channel: [`channels`] lists those of the
//! whole program, [`audit()`] what they evict from, and [`Services`] hands the services out by type.
//!
//! # Which cache to use
//!
//! Ask in this order; the first yes decides.
//!
//! | | cache |
//! |---|---|
//! | Does staleness cause wrong behaviour? | [`CoherentCache`] |
//! | Is it expensive data from elsewhere, the same for all instances? | [`RedisCache`] |
//! | Is it read often? | [`TtlCache`] |
//! | May the same request arrive twice? | [`Dedup`] |
//! | Is it a rate limit? | [`Cooldown`] |
//! | | none, probably |
//!
//! Data that is both, expensive and wrong when stale, belongs into a [`RedisCache`] with
//! [`evict_on`](redis_cache::Builder::evict_on).
//!
//! ## Staleness is wrong: `CoherentCache`
//!
//! Permissions, activations, configuration: the example above. There is no `insert`. A value comes
//! from a load that began after the last event that evicts it, or is not stored.
//!
//! ```
//! # use cache_runtime::CoherentCache;
//! # async fn from_the_database(id: &str) -> std::io::Result<bool> { Ok(true) }
//! async fn is_active(cache: &CoherentCache<String, bool>, id: &str) -> std::io::Result<bool> {
//!     cache.try_get_or_load(id, || from_the_database(id)).await
//! }
//! ```
//!
//! ## Expensive data from elsewhere: `RedisCache`
//!
//! A provider's list of models, a description of a picture, a transcript.
//!
//! ```
//! use std::time::Duration;
//! use cache_runtime::{Bus, RedisCache};
//!
//! # async fn from_the_provider() -> std::io::Result<Vec<String>> { Ok(Vec::new()) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bus = Bus::in_process();
//! let day = Duration::from_secs(24 * 60 * 60);
//! let models = RedisCache::<Vec<String>>::builder(&bus, "model-list", day)
//!     .memory(Duration::from_secs(5 * 60), 10)
//!     .load_lock(Duration::from_secs(10))
//!     .build()?;
//! let list = models.try_get_or_load("all", from_the_provider).await?;
//! # Ok(())
//! # }
//! ```
//!
//! ## Read often, and a little stale does no harm: `TtlCache`
//!
//! Suggestions while somebody types.
//!
//! ```
//! use std::time::Duration;
//! use cache_runtime::TtlCache;
//!
//! # async fn search(typed: &str) -> Vec<String> { vec![typed.to_owned()] }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), cache_runtime::BuildError> {
//! let suggestions = TtlCache::<String, Vec<String>>::builder()
//!     .name("autocomplete")
//!     .ttl(Duration::from_secs(60))
//!     .max_entries(500)
//!     .build()?;
//! let found = suggestions.get_or_load("ad", || search("ad")).await;
//! # Ok(())
//! # }
//! ```
//!
//! ## The same request twice: `Dedup`
//!
//! A click whose message reaches two instances.
//!
//! ```
//! use cache_runtime::{Bus, Dedup, Reservation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bus = Bus::in_process();
//! let requests = Dedup::builder(&bus, "requests").build()?; // reserves for 5 s
//! if requests.reserve("message:42", "bot-1").await? == Reservation::Reserved {
//!     // handle it
//! }
//! # Ok(())
//! # }
//! ```
//!
//! ## A rate limit: `Cooldown`
//!
//! One notification an hour and user. Each instance keeps it by itself, which is right for limits
//! that may be a little generous; where all together must not exceed it, take a [`Dedup`].
//!
//! ```
//! use std::time::Duration;
//! use cache_runtime::Cooldown;
//!
//! let notified = Cooldown::<String>::new(Duration::from_secs(60 * 60));
//! if notified.try_start("ada").is_started() {
//!     // notify her
//! }
//! ```
//!
//! # What is a loss, and who is told
//!
//! A disconnect, a silent network, a frozen server, an overflow on either side, a subscription
//! that the server ends, a message that cannot be understood, a panic in a handler. A channel is
//! [live](Health::Live) while its subscription is confirmed and a canary, published and received
//! over the same two connections as events, is younger than the lease. While it is not, a
//! [`CoherentCache`] bypasses, unless [`WhileDisconnected`] says otherwise. [`Invalidator::subscribe`]
//! says when handlers receive `All`, and [`Invalidator::subscribe_inline`] when caches do.
//!
//! # Features
//!
//! | feature | default | what for |
//! |---|---|---|
//! | `redis` | yes | the Redis transport; without it only [`Bus::in_process`] is left |
//! | `tls-rustls` | | `rediss://` addresses through rustls (with ring, unless the program has chosen) and the system's certificates |
//! | `tls-native-tls` | | `rediss://` addresses through the platform's own TLS library |
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use cache_derive::{InvalidationEvent, cache_invalidation};

pub mod audit;
mod bus;
mod cache;
mod channel;
mod clock;
mod counters;
pub mod defaults;
mod error;
mod event;
mod health;
mod keyspace;
mod link;
mod log_throttle;
mod place;
mod queue;
mod random;
mod service;
mod settings;
mod sync;
mod transport;
mod weak_list;
mod wire;

pub use audit::{Audit, audit};
pub use bus::{Bus, BusBuilder};
pub use cache::coherent::{self, CoherentCache, FillToken, WhileDisconnected};
pub use cache::cooldown::{self, Cooldown, Start};
pub use cache::dedup::{self, Dedup, DedupError, Release, Reservation};
pub use cache::redis::{
    self as redis_cache, Codec, ContentKey, LoadError, Loaded, RedisCache, RedisCacheError,
    content_key,
};
pub use cache::ttl::{self, TtlCache};
pub use cache::{BuildError, CacheStats, Evict, NotStored};
pub use channel::handler::HandlerOutput;
pub use channel::{ChannelStats, DeclaredChannel, channels};
pub use clock::ManualClock;
pub use error::{ConnectError, NotReady, PublishError};
pub use event::{InvalidationEvent, Publishing, Receipt};
pub use health::{Cause, Health};
pub use service::{
    AlreadyRegistered, Events, Invalidator, MissingService, Service, Services, Subscription,
};
pub use settings::OnRejected;
pub use wire::{
    Description, EncodeError, EventSchema, FieldSchema, Rejection, RejectionKind, VariantSchema,
};

/// What generated code uses; not for users, and without any promise of stability.
#[doc(hidden)]
pub mod __private {
    pub use crate::bus::publish_raw;
    pub use crate::channel::{DeclaredChannel, Logging, check_channel};
    pub use crate::event::{EventMethods, Publisher};
    pub use crate::keyspace::Keyspace;
    pub use crate::service::Handle;
    pub use crate::transport::{Acquired, DeleteIf, EntryKeys, Filled, Found, Record, Seek, Token};
    pub use crate::wire::{
        EventField, FieldType, Member, NoOption, Probe, Writer, field, refuse_option, scan,
    };
    pub use ::inventory;

    use crate::{CoherentCache, Evict};
    use std::hash::Hash;

    /// Evicts as an event does, without one: for the benchmarks.
    pub fn evict<K, V>(cache: &CoherentCache<K, V>, evict: &Evict<K>)
    where
        K: Hash + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        cache.evict(evict);
    }

    /// The protocol core, for the simulator.
    pub mod link {
        pub use crate::link::{Audience, ChannelId, Input, Link, Output, Timings};
    }
}
