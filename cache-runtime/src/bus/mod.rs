//! The builder, the health and the errors of a bus.
//!
//! A bus has one connection that publishes and one for the events of all channels. Caches in Redis
//! have another one for keys and values.

// A task, the supervisor, takes signals from its `inbox`, feeds them to the link, and carries out
// the link's outputs.

mod builder;
mod canaries;
mod counters;
#[cfg(feature = "doctor")]
mod doctor;
mod ending;
mod fences;
pub(crate) mod handle;
mod inbox;
mod lease;
mod links;
mod listening;
#[cfg(any(feature = "metrics", feature = "otel"))]
mod measured;
mod payload;
#[cfg(all(feature = "redis", feature = "testing"))]
pub(crate) mod pushed;
mod settle;
mod shared;
mod supervisor;
mod table;

pub use crate::error::{ConnectError, NotReady, NotSettled};
pub use crate::event::receipt::Settled;
pub use crate::health::{Cause, Health};
pub use crate::outbox::Unsent;
pub use crate::settings::OnRejected;
#[cfg(any(feature = "redis", simulation))]
pub use crate::settings::PubSub;
#[cfg(feature = "redis")]
pub use crate::transport::redis::Credentials;
pub use builder::BusBuilder;
pub(crate) use handle::Bus;
pub(crate) use shared::{PublishPayload, Shared};
