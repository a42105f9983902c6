//! The builder of a bus, its health, and what can go wrong with it.
//!
//! A bus has one connection pair for all channels of a program.

// A task, the supervisor, takes what arrives from its `inbox`, feeds the link with it, and does what
// the link says.

mod builder;
pub(crate) mod handle;
mod inbox;
mod shared;
mod supervisor;

pub use crate::error::{ConnectError, NotReady};
pub use crate::health::{Cause, Health};
pub use crate::settings::OnRejected;
pub use builder::BusBuilder;
pub(crate) use handle::Bus;
pub(crate) use shared::Shared;
