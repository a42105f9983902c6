//! Payloads that are rejected, each with its reason.

mod keys;
mod syntax;
mod values;

use super::*;
use crate::wire::RejectionKind;

fn rejects(payload: impl AsRef<[u8]>, reason: &str) {
    let payload = payload.as_ref();
    match decode(payload) {
        Ok(event) => panic!("accepted as {event:?}: {}", payload.escape_ascii()),
        Err(rejection) => {
            assert_eq!(rejection.to_string(), reason, "{}", payload.escape_ascii());
        }
    }
}

/// With every defect at once, the reported one is the first in the documented order.
#[test]
fn order_of_defects() {
    use RejectionKind as Kind;
    let kind = |payload: &str| decode(payload).map_err(|rejection| rejection.kind());
    for (payload, first) in [
        (r#"{"x":1,"x":1,"type":"chanel"}"#, Kind::DuplicateKey),
        (r#"{"x":1,"type":"chanel"}"#, Kind::UnknownEvent),
        (r#"{"x":1,"type":"count","small":""}"#, Kind::ExtraKey),
        (r#"{"type":"count","small":"","big":""}"#, Kind::MissingKey),
        (
            r#"{"type":"count","small":"","big":"","on":""}"#,
            Kind::WrongValue,
        ),
    ] {
        assert_eq!(kind(payload), Err(first), "{payload}");
    }
}

#[test]
fn a_rejection_is_one_word() {
    assert_eq!(size_of::<Rejection>(), size_of::<usize>());
    assert_eq!(size_of::<EncodeError>(), size_of::<usize>());
}
