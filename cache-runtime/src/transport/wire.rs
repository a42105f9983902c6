//! What goes over the wire: messages and statuses from a connection for events, and the answers
//! to publications. Channel names include the namespace.

use std::sync::Arc;

use super::instances::Listing;
use crate::health::Cause;
use crate::server_info::ServerInfo;

/// Takes messages and statuses as they come from one connection. It must not wait.
pub(crate) type Feed = Arc<dyn Fn(Wire) + Send + Sync>;

/// A message or a status from a connection.
pub(crate) enum Wire {
    Message { channel: Vec<u8>, payload: Vec<u8> },
    Status(Status),
}

/// A change of a connection or of one of its subscriptions.
#[cfg_attr(
    not(any(feature = "redis", simulation)),
    allow(dead_code, reason = "the in-process bus never fails, except in tests")
)]
pub(crate) enum Status {
    Confirmed {
        channel: Vec<u8>,
    },
    Refused {
        channel: Vec<u8>,
        cause: Cause,
    },
    Unsubscribed {
        channel: Vec<u8>,
    },
    Disconnected(Cause),
    /// A test has changed the network, and waits until all that came before is carried out. If the
    /// network is back, the next attempt to connect need not wait.
    #[cfg(feature = "testing")]
    Network {
        is_back: bool,
        noticed: tokio::sync::oneshot::Sender<()>,
    },
}

/// What became of a payload, and of the keys that were to be deleted with it.
pub(crate) struct Published {
    /// How many subscribers the server counts.
    pub(crate) receivers: Result<u64, Cause>,
    pub(crate) deleted: Result<(), Cause>,
}

/// A canary that is to be published.
pub(crate) struct Canary<'a> {
    pub(crate) channel: &'a str,
    pub(crate) payload: Vec<u8>,
    /// Lists the instance before, where there is a list. With when it was listed for the latest canary
    /// that has come back, or 0.
    pub(crate) listing: Option<(&'a Listing, u64)>,
    /// Slots that the node has to serve afterwards.
    #[cfg_attr(
        not(feature = "redis"),
        allow(dead_code, reason = "only a node of a cluster has slots")
    )]
    pub(crate) slots: &'a [u16],
}

/// What a canary was answered with.
pub(crate) struct CanaryAnswer {
    /// The server's role and identity.
    pub(crate) server: ServerInfo,
    /// The number of the connection.
    pub(crate) connection: u64,
    /// When the instance was listed, by the server's clock in ms; `None` without a list.
    pub(crate) listed: Option<Result<u64, Cause>>,
}
