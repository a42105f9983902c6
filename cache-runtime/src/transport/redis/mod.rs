//! Redis and its kin: one connection for events, one for commands.
//!
//! Reconnecting is the link's business, so neither connection is a `ConnectionManager`: that one
//! resubscribes unseen, and a subscription that is refused then goes unnoticed.

mod commands;
mod endpoint;
mod failure;
pub(crate) mod keys;
mod request;
mod server;
mod subscriber;

pub(crate) use server::Redis;
pub(crate) use subscriber::Subscriber;
