//! What an annotated service can do: publish its events and subscribe to them.

mod change;
mod core;
pub(crate) mod handle;
mod invalidator;
pub(crate) mod locator;
mod payload;
mod sending;
mod service_trait;
mod subscription;
#[cfg(feature = "testing")]
mod tap;

pub(crate) use self::core::Core;
#[cfg(feature = "testing")]
pub(crate) use self::tap::Tap;
pub use crate::channel::handler::HandlerOutput;
pub use crate::channel::{ChannelStats, DeclaredChannel, channels};
pub use crate::error::{ConfirmError, PublishAllError, PublishError};
pub use crate::event::methods::Publishing;
pub use crate::event::receipt::{Confirmed, Receipt};
pub use change::Change;
pub use invalidator::Invalidator;
pub use locator::{AlreadyRegistered, MissingService};
pub use service_trait::Service;
pub use subscription::{Events, Subscription};
