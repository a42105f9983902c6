//! The transport over Redis or Valkey: one connection for events, one for publishing, and one for
//! keys and values. Busy runtimes of the program have further ones (`nearby.rs`).
//!
//! None of them is a `ConnectionManager`, because that resubscribes by itself, and a
//! subscription that is then refused goes unnoticed. The link decides when to reconnect for events.

mod address;
mod batches;
mod cluster;
mod cluster_address;
mod commands;
mod credentials;
mod endpoint;
mod entries;
mod epochs;
mod failure;
mod greeting;
mod instances;
#[cfg(feature = "doctor")]
mod introduction;
pub(crate) mod keys;
mod limits;
pub(crate) mod many;
mod nearby;
mod newest;
mod nodes;
mod open;
mod pipeline;
mod primary;
mod primary_check;
mod probe;
mod publishing;
mod request;
mod sentinel;
mod server;
mod server_info;
mod sha1;
mod slot_map;
mod slots;
mod subscriber;
mod target;
mod tls;
mod watch;

pub(crate) use cluster::Cluster;
pub(crate) use cluster_address::addresses;
pub use credentials::Credentials;
pub(crate) use credentials::Source;
pub(crate) use nodes::Nodes;
pub(crate) use server::Redis;
pub(crate) use subscriber::Subscriber;
#[cfg(feature = "testing")]
pub(crate) use subscriber::{oversized, translate};
pub(crate) use target::Target;
