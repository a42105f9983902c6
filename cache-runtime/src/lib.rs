//! Keeps in-memory caches honest across the instances of a service.
//!
//! One instance changes a value that others have cached; this crate tells them, over Redis pub/sub,
//! and makes sure that no such message is ever lost unnoticed. Whenever one may have been lost,
//! subscribers receive their event's `All`, and nothing counts as live until a message is proven to
//! get through again.
//!
//! # Two items to write
//!
//! An enum of what can become stale, and a struct for the channel it is published on:
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::{Arc, Mutex};
//!
//! use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
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
//! // Bus::redis("redis://127.0.0.1").connect().await? in earnest. A clone of an in-process bus
//! // stands for another instance of the program.
//! let bus = Bus::in_process();
//! let other_bus = bus.clone();
//!
//! let service = ChannelActivationInvalidation::new(&bus);
//! let cache = Arc::new(Mutex::new(HashMap::from([("123".to_owned(), true)])));
//! let (cached, evicted) = (Arc::clone(&cache), Arc::new(tokio::sync::Notify::new()));
//! let done = Arc::clone(&evicted);
//! let _subscription = service.subscribe(move |event| {
//!     match event {
//!         ChannelActivationEvent::Channel { channel_id } => {
//!             cached.lock().unwrap().remove(&channel_id);
//!         }
//!         ChannelActivationEvent::All => cached.lock().unwrap().clear(),
//!     }
//!     done.notify_one();
//! });
//!
//! // Another instance, after it has changed the database.
//! let other = ChannelActivationInvalidation::new(&other_bus);
//! other.invalidate_channel("123").await?;
//!
//! evicted.notified().await;
//! assert!(cache.lock().unwrap().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! The derive writes the [wire format and the strict validator](InvalidationEvent) and one
//! `invalidate_…` method a variant. The attribute gives the struct a constructor from a [`Bus`] and
//! everything an [`Invalidator`] can do, and registers the channel: [`channels`] lists those of the
//! whole program.
//!
//! # What is a loss, and who is told
//!
//! A disconnect, a silent network, a frozen server, an overflow on either side, a subscription
//! that the server ends, a message that cannot be understood, a panic in a handler. A channel is
//! [live](Health::Live) while its subscription is confirmed and a canary, published and received
//! over the same two connections as events, is younger than the lease. [`Invalidator::subscribe`]
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

mod bus;
mod channel;
mod codec;
pub mod defaults;
mod error;
mod event;
mod handler;
mod health;
mod inline;
mod lane;
mod link;
mod mailbox;
mod publish;
mod registry;
mod rejection_log;
mod service;
mod stats;
mod subscription;
mod supervisor;
mod tasks;
mod transport;

pub use bus::Bus;
pub use bus::settings::{Builder, UnknownEvents};
pub use codec::{Description, EncodeError, Rejection, RejectionKind};
pub use error::{ConnectError, NotReady, PublishError};
pub use event::{EventSchema, FieldSchema, InvalidationEvent, VariantSchema};
pub use handler::HandlerOutput;
pub use health::{Cause, Health};
pub use publish::{Publishing, Receipt};
pub use registry::{Registration, channels};
pub use service::{Invalidator, Service};
pub use stats::Stats;
pub use subscription::{Events, Subscription};

/// What generated code uses; not for users, and without any promise of stability.
#[doc(hidden)]
pub mod __private {
    pub use crate::bus::publish_raw;
    pub use crate::codec::{
        EventField, FieldType, NoOption, Probe, Slot, Writer, field, refuse_option, scan,
    };
    pub use crate::publish::{EventMethods, Publisher};
    pub use crate::registry::{Logging, Registration, check_channel};
    pub use crate::service::Handle;
    pub use ::inventory;

    /// The protocol core, for the simulator.
    pub mod link {
        pub use crate::link::{Audience, ChannelId, Input, Link, Output, Settings};
    }
}
