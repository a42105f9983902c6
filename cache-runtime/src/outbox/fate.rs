//! Whether an event is sent again.

use crate::error::Fate;
use crate::health::Cause;

/// What becomes of an event that is kept somewhere, and that the server has not taken.
pub(crate) fn fate(cause: &Cause) -> Fate {
    if may_pass(cause) {
        Fate::Deferred
    } else {
        Fate::Refused
    }
}

/// Whether the server may take an event later that it has not taken for this cause. In doubt it may:
/// one event too many costs a load.
pub(super) fn may_pass(cause: &Cause) -> bool {
    match cause {
        Cause::Refused(_) | Cause::Conflict(_) | Cause::Closed => false,
        Cause::Unreachable(_)
        // After it was connected, a bus finds servers unusable, such as two primaries in a fail-over.
        | Cause::Settings(_)
        | Cause::Timeout(_)
        // A password may be replaced on the server first.
        | Cause::Credentials(_)
        | Cause::Version(_)
        | Cause::Disconnected
        | Cause::LeaseExpired
        | Cause::Unsubscribed
        | Cause::Overflow
        | Cause::NotPrimary(_)
        | Cause::AnotherServer
        | Cause::Replaced(_)
        | Cause::Moved(_)
        | Cause::Unserved(_)
        | Cause::MissingCanary
        | Cause::Unanswered
        | Cause::Oversized(_)
        | Cause::Stopped
        | Cause::Server(_) => true,
    }
}
