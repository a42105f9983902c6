//! Events in logs.

use std::fmt::{self, Display, Write as _};

use super::encode::EncodeError;
use super::scan::scan;
use super::slot::{Slot, Value};
use super::text::{Plain, Quoted, shorten};
use crate::event::{EventSchema, InvalidationEvent};

/// How many characters a description has at most.
const LONGEST: usize = 256;

/// An event as logs show it: `channel {channelId: "123"}`.
///
/// Values of more than 64 characters are shortened, what does not print is escaped, and the whole
/// is never longer than 256 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Description(String);

impl Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn describe<E: InvalidationEvent>(event: &E) -> Description {
    let mut json = Vec::new();
    let written = event.encode_into(&mut json);
    Description::new(E::SCHEMA, &json, written.err().as_ref())
}

impl Description {
    pub(super) fn new(
        schema: &'static EventSchema,
        json: &[u8],
        error: Option<&EncodeError>,
    ) -> Self {
        let text = match error {
            Some(error) => error.to_string(),
            None => readable(schema, json).unwrap_or_else(|| {
                // Written by an implementation of serde that is not true to itself.
                Plain(&String::from_utf8_lossy(json)).to_string()
            }),
        };
        let (shown, cut) = shorten(&text, LONGEST - 1);
        Self(format!("{shown}{}", if cut { "…" } else { "" }))
    }
}

fn readable(schema: &'static EventSchema, json: &[u8]) -> Option<String> {
    let fields = schema
        .variants()
        .iter()
        .map(|variant| variant.fields().len());
    let mut slots = vec![Slot::EMPTY; fields.max().unwrap_or_default()];
    let index = scan(schema, json, json.len(), &mut slots).ok()?;
    let variant = schema.variants().get(index)?;

    let mut text = variant.wire().to_owned();
    for (index, (field, slot)) in variant.fields().iter().zip(&slots).enumerate() {
        let before = if index == 0 { " {" } else { ", " };
        let _ = write!(text, "{before}{}: {}", field.wire(), Shown(&slot.value));
    }
    if !variant.fields().is_empty() {
        text.push('}');
    }
    Some(text)
}

struct Shown<'a>(&'a Value<'a>);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.string() {
            Some(text) => Quoted(&text).fmt(f),
            None => Plain(self.0.text).fmt(f),
        }
    }
}
