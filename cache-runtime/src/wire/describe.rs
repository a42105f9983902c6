//! Events in logs.

use std::fmt::{self, Display, Write as _};

use super::encode::EncodeError;
use super::member::{Member, Value};
use super::scan::scan;
use super::schema::EventSchema;
use super::text::{Plain, Quoted, shorten};

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

impl Description {
    /// Describes an event as it was encoded. If it could not be, the description says why.
    pub(crate) fn new(schema: &'static EventSchema, encoded: Result<&[u8], &EncodeError>) -> Self {
        let text = match encoded {
            Ok(json) => readable(schema, json).unwrap_or_else(|| {
                // Some field's `Serialize` and its `Deserialize` disagree.
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
