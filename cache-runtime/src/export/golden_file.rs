//! Golden payloads as a file.

use super::contract::Contract;
use super::json::{hex, quoted};
use super::layout::Code;
use super::names::type_name;
use super::payloads::Golden;
use crate::event::RejectionKind;

/// Golden payloads of each event type, as JSON: payloads at the edges of the contract, each with
/// the verdict of the decoder in Rust.
///
/// The file holds an object; its keys are the names of the event types. Each has a list of objects
/// with
///
/// - `payload`, a string; or `hex`, the bytes of one that is not UTF-8;
/// - `verdict`: `"accepted"`, or the reason as [`typescript`](super::typescript) spells it;
/// - `maxPayload`, if the limit on the length is not the default.
///
/// # Examples
///
/// ```
/// use cache_runtime::export::{self, Contract};
/// use cache_runtime::InvalidationEvent;
///
/// #[derive(InvalidationEvent)]
/// enum UserEvent {
///     User { discord_id: String },
///     All,
/// }
///
/// # fn main() -> Result<(), export::ExportError> {
/// let golden = export::golden(&[Contract::of::<UserEvent>()?]);
/// assert!(golden.contains(r#"{ "payload": "{\"type\":\"all\"}", "verdict": "accepted" }"#));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn golden(contracts: &[Contract]) -> String {
    let events = contracts.iter().map(|contract| {
        let payloads = contract.golden.iter().map(entry).collect();
        Code::entry(quoted(&type_name(contract)), Code::array(payloads, false))
    });
    Code::object(events.collect(), false).render(0, 80, 0) + "\n"
}

fn entry(golden: &Golden) -> Code {
    let (key, text) = match str::from_utf8(&golden.payload) {
        Ok(text) => ("\"payload\"", quoted(text)),
        Err(_) => ("\"hex\"", quoted(&hex(&golden.payload))),
    };
    let mut members = vec![Code::entry(key, Code::text(text))];
    if let Some(limit) = golden.limit {
        members.push(Code::entry("\"maxPayload\"", Code::text(limit.to_string())));
    }
    let verdict = golden
        .verdict
        .map_or_else(RejectionKind::as_str, |()| "accepted");
    members.push(Code::entry("\"verdict\"", Code::text(quoted(verdict))));
    Code::object(members, false)
}
