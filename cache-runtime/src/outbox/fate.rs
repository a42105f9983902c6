//! Whether an event is sent again.

use crate::error::Fate;
use crate::health::Cause;

/// What becomes of an event that its caller keeps, and that the server has not taken.
pub(crate) fn fate(cause: &Cause) -> Fate {
    if may_pass(cause) {
        Fate::Kept
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::PublishError;

    #[test]
    fn what_its_caller_keeps_is_neither_deferred_nor_refused() {
        let error = |cause: Cause| {
            let fate = fate(&cause);
            PublishError::transport("cache:users".into(), cause, fate)
        };
        let kept = error(Cause::Disconnected);
        assert!(!kept.is_deferred() && !kept.is_refused() && !kept.is_published());
        let text = kept.to_string();
        let start = "the event for channel `cache:users` is kept and will be tried again";
        assert!(text.starts_with(start), "{text}");
        assert!(error(Cause::Closed).is_refused());
    }
}
