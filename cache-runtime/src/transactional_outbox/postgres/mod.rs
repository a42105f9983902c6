//! The outbox in PostgreSQL 14 or later, and events from `NOTIFY`, by `tokio-postgres`.
//!
//! # Rows that are changed by hand
//!
//! [`CREATE_TABLES`] defines the function `cache_outbox_add(channel text, event json)`. A trigger
//! that calls it adds the event in the transaction that makes the change, whoever makes it:
//!
//! ```sql
#![doc = include_str!("trigger.sql")]
//! ```
//!
//! The relay is told of new rows by `NOTIFY cache_outbox`, which a trigger on the outbox sends. The
//! rows are the truth: whatever happens to the notification, the relay finds them within its
//! [`poll_interval`](super::Relay::poll_interval). PostgreSQL commits transactions that have sent a
//! `NOTIFY` one after the other. If that is too slow for you, drop the trigger `cache_outbox_notify`;
//! then the relay only polls.
//!
//! # Without rows
//!
//! [`Notifications`] publishes what triggers send by `NOTIFY` alone. That needs no table, and
//! notifications are lost while nobody listens. So after every connect it publishes `All`.
//!
//! # Connections
//!
//! Relays and listeners need a connection of their own to the server itself: `LISTEN` does not work
//! through a pooler that shares connections between transactions. The function that is given to them
//! decides about TLS, credentials and the server. Set `keepalives` or `tcp_user_timeout` there.

mod notifications;
mod outbox;
mod session;

pub use notifications::Notifications;
pub use outbox::{CREATE_TABLES, Outbox, add};
