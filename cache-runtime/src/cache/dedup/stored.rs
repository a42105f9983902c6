//! A reservation as it is stored: `{"owner":"…","nonce":"…"}`.

use serde_json::Value;

use crate::random::nonce;
use crate::wire::Quoted;

/// A new reservation. The nonce tells two reservations of one owner apart.
pub(super) fn encode(owner: &str) -> Vec<u8> {
    let mut stored = start(owner);
    stored.extend_from_slice(nonce().as_bytes());
    stored.extend_from_slice(br#""}"#);
    stored
}

/// How every reservation of this owner starts, and no reservation of another owner.
pub(super) fn start(owner: &str) -> Vec<u8> {
    let owner = Value::from(owner);
    format!(r#"{{"owner":{owner},"nonce":""#).into_bytes()
}

/// The owner of a reservation; the error describes what the key holds instead. Programs in other
/// languages may format the JSON differently, and order its members differently.
pub(super) fn decode(stored: &[u8]) -> Result<String, String> {
    let found = |why: &str| {
        let found = String::from_utf8_lossy(stored);
        format!("{} of {} bytes ({why})", Quoted(&found), stored.len())
    };
    match serde_json::from_slice(stored) {
        Ok(Value::Object(mut reservation)) => match reservation.remove("owner") {
            Some(Value::String(owner)) => Ok(owner),
            _ => Err(found("without an `owner` that is a string")),
        },
        Ok(_) => Err(found("no JSON object")),
        Err(error) => Err(found(&error.to_string())),
    }
}
