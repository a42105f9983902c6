//! A short hash of what an event type accepts.

use std::fmt::Write as _;

use hmac_sha256::Hash;

use super::json;
use super::shape::Shape;
use crate::wire::EventSchema;

pub(super) fn fingerprint(schema: &EventSchema, shapes: &[Vec<Shape>]) -> String {
    let hash = Hash::hash(canonical(schema, shapes).as_bytes());
    json::hex(&hash[..8])
}

/// What the event type accepts, in one spelling.
fn canonical(schema: &EventSchema, shapes: &[Vec<Shape>]) -> String {
    let mut variants: Vec<_> = schema.variants().iter().zip(shapes).collect();
    variants.sort_by_key(|(variant, _)| variant.wire());
    let mut out = format!("event 1 {}", json::quoted(schema.tag()));
    for (variant, shapes) in variants {
        let _ = write!(out, "\n{}", json::quoted(variant.wire()));
        let mut fields: Vec<_> = variant.fields().iter().zip(shapes).collect();
        fields.sort_by_key(|(field, _)| field.wire());
        for (field, shape) in fields {
            let non_empty = if field.non_empty() { "!" } else { "" };
            let _ = write!(out, " {}{non_empty}:", json::quoted(field.wire()));
            shape.canonical(&mut out);
        }
    }
    out
}
