//! What comes from a connection for events. Channels are named as on the wire.

use std::sync::Arc;

use crate::health::Cause;

/// Takes what comes from one connection. It must not wait.
pub(crate) type Feed = Arc<dyn Fn(Wire) + Send + Sync>;

/// Something that came from a connection.
pub(crate) enum Wire {
    Message { channel: Vec<u8>, payload: Vec<u8> },
    Status(Status),
}

/// What has become of a connection, or of one of its subscriptions.
#[cfg_attr(
    not(feature = "redis"),
    expect(dead_code, reason = "the in-process bus never fails")
)]
pub(crate) enum Status {
    Confirmed { channel: Vec<u8> },
    Refused { channel: Vec<u8>, cause: Cause },
    Unsubscribed { channel: Vec<u8> },
    Disconnected(Cause),
}
