//! What has to hold for every payload: the decoder and its slow reference agree, and decoding takes
//! little memory.

use std::fmt::Debug;

use allocation_counter::measure;
use cache_runtime::{InvalidationEvent, defaults};

use crate::reference::{self, Outcome};
use crate::services;

/// Checks one payload.
///
/// # Panics
///
/// If the decoders disagree, or decoding takes too much memory.
pub(crate) fn of(payload: &[u8]) {
    agree(payload, reference::decode(payload));
    services::agree(payload);
}

/// Checks the decoder of one event type. What it accepts is another spelling of the same event, and
/// what it rejects has a reason.
pub(crate) fn agree<E>(payload: &[u8], reference: Outcome<E>)
where
    E: InvalidationEvent + Debug + PartialEq,
{
    let mut decoded = None;
    let memory = measure(|| decoded = Some(E::decode(payload)));
    let shown = payload[..payload.len().min(2000)].escape_ascii();
    // Elements of a list and keys take more memory than their few bytes on the wire, and while a list
    // grows, it is held twice.
    let elements = payload.split(|byte| *byte == b',').count();
    let lists = 3 * size_of::<String>() * elements;
    let most = 2 * defaults::MAX_PAYLOAD + lists;
    assert!(
        memory.bytes_max <= most as u64,
        "{} bytes for {shown}",
        memory.bytes_max
    );
    match (decoded.expect("it was decoded"), reference) {
        // The reference keeps all numbers as `f64`, even ignored ones, which may be out of range.
        (Ok(_), Err(reason)) if reason.contains("number out of range") => {}
        (Ok(ours), Ok(reference)) => {
            assert_eq!(ours, reference, "{shown}");
            let canonical = ours.encode().expect("it was decoded");
            assert_eq!(E::decode(&canonical).as_ref(), Ok(&ours), "{shown}");
            assert!(ours.describe().to_string().chars().count() <= 256);
        }
        (Err(rejection), Err(_)) => {
            let text = rejection.to_string();
            assert!(!text.is_empty() && text.len() < 2000, "{text}");
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        (Ok(event), Err(reason)) => {
            panic!("{shown}\naccepted as {event:?}\nreference: {reason}");
        }
        (Err(reason), Ok(event)) => {
            panic!("{shown}\nrejected: {reason}\nreference: {event:?}");
        }
    }
}
