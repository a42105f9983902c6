//! How logs show events.

use std::fmt::{self, Display, Write as _};

use super::encode::EncodeError;
use super::member::{Member, Value};
use super::scan::scan;
use super::schema::EventSchema;
use super::text::{Plain, Quoted, shorten};

/// The most characters of a description.
const LONGEST: usize = 256;

/// An event as logs show it: `channel {channelId: "123"}`.
///
/// Values of more than 64 characters are shortened, and characters that do not print are escaped.
/// The whole is never longer than 256 characters.
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

impl Description {
    /// Describes an event as it was encoded, or says why it could not be encoded.
    pub(crate) fn new(schema: &'static EventSchema, encoded: Result<&[u8], &EncodeError>) -> Self {
        let text = match encoded {
            Ok(json) => readable(schema, json).unwrap_or_else(|| {
                // The `Serialize` of a field writes what no receiver accepts, such as duplicate
                // keys.
                Plain(&String::from_utf8_lossy(json)).to_string()
            }),
            Err(error) => error.to_string(),
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
    let mut members = vec![Member::EMPTY; fields.max().unwrap_or_default()];
    let index = scan(schema, json, json.len(), &mut members).ok()?;
    let variant = schema.variants().get(index)?;

    let mut text = variant.wire().to_owned();
    for (index, (field, member)) in variant.fields().iter().zip(&members).enumerate() {
        let before = if index == 0 { " {" } else { ", " };
        let _ = write!(text, "{before}{}: {}", field.wire(), Shown(&member.value));
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
