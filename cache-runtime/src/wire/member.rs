//! A member of a JSON object: a key and its value, as they stand in the payload.

use std::fmt::{self, Display, Write as _};
use std::str::FromStr;

use super::schema::FieldSchema;
use super::text::{Plain, Quoted, equal};

/// The text between the quotes of a JSON string. It is UTF-8, and its escapes are valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) raw: &'a [u8],
    pub(super) escaped: bool,
}

impl Text<'_> {
    /// Whether this spells `other`.
    #[inline]
    pub(super) fn is(&self, other: &str) -> bool {
        if self.escaped {
            spells(*self, other)
        } else {
            equal(self.raw, other.as_bytes())
        }
    }

    pub(super) fn same(&self, other: &Text<'_>) -> bool {
        if self.escaped || other.escaped {
            // An escape is at most six times as long as the character it stands for. Lengths are
            // compared first: otherwise one long key would be read for each of many short ones.
            let (one, two) = (self.raw.len(), other.raw.len());
            one <= 6 * two && two <= 6 * one && self.chars().eq(other.chars())
        } else {
            equal(self.raw, other.raw)
        }
    }

    fn chars(&self) -> impl Iterator<Item = char> {
        let mut rest = self.as_str().chars();
        std::iter::from_fn(move || match rest.next()? {
            '\\' if self.escaped => {
                let (char, after) = escape(rest.as_str());
                rest = after.chars();
                Some(char)
            }
            char => Some(char),
        })
    }

    fn as_str(&self) -> &str {
        str::from_utf8(self.raw).unwrap_or_default()
    }
}

/// Takes the text by value, so that the scanners can keep texts in registers.
#[inline(never)]
fn spells(text: Text<'_>, other: &str) -> bool {
    text.chars().eq(other.chars())
}

/// Writes the text that it stands for.
impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|char| f.write_char(char))
    }
}

/// The text that a string with escapes stands for, in one allocation.
fn unescape(raw: &str) -> String {
    // No escape is shorter than what it stands for.
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.push_str(plain);
        let (char, after) = escape(after);
        out.push(char);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The character that a valid escape stands for, and what follows. `rest` begins after the
/// backslash.
fn escape(rest: &str) -> (char, &str) {
    let (kind, after) = rest.split_at_checked(1).unwrap_or((rest, ""));
    let char = match kind {
        "b" => '\u{8}',
        "f" => '\u{c}',
        "n" => '\n',
        "r" => '\r',
        "t" => '\t',
        "u" => return unicode(after),
        same => same.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    (char, after)
}

/// The character that `\u…` stands for, and what follows. `rest` begins after `\u`.
fn unicode(rest: &str) -> (char, &str) {
    let (high, after) = unit(rest);
    // The lexer has checked that a second half follows every first half, and stands nowhere else.
    let (low, rest) = match after.strip_prefix("\\u") {
        Some(pair) if (0xd800..0xdc00).contains(&high) => unit(pair),
        _ => {
            return (
                char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER),
                after,
            );
        }
    };
    let code = 0x1_0000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
    (
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
        rest,
    )
}

fn unit(rest: &str) -> (u32, &str) {
    let (digits, rest) = rest.split_at_checked(4).unwrap_or((rest, ""));
    (u32::from_str_radix(digits, 16).unwrap_or_default(), rest)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    /// A number without fraction and exponent.
    Integer,
    Number,
    True,
    False,
    Null,
    Array,
    Object,
}

/// A valid JSON value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) text: &'a str,
    pub(super) kind: Kind,
}

impl Value<'_> {
    /// The text, if this is a string.
    #[inline]
    pub(super) fn string(&self) -> Option<String> {
        let raw = self.text.get(1..self.text.len().checked_sub(1)?);
        match self.kind {
            Kind::Plain => raw.map(str::to_owned),
            Kind::Escaped => raw.map(unescape),
            _ => None,
        }
    }

    /// The value, if this is an integer that fits. `-0` does not count as one: JavaScript never
    /// writes it, and no integer type of Rust has it.
    #[inline]
    pub(super) fn integer<T: FromStr>(&self) -> Option<T> {
        match self.kind {
            Kind::Integer if self.text != "-0" => self.text.parse().ok(),
            _ => None,
        }
    }

    /// The text, if this is a number.
    #[inline]
    pub(super) fn number(&self) -> Option<&str> {
        matches!(self.kind, Kind::Integer | Kind::Number).then_some(self.text)
    }

    /// Whether this is empty where the field does not allow it.
    #[inline]
    pub(super) fn is_wrongly_empty(&self, field: &FieldSchema) -> bool {
        field.non_empty() && self.is_empty()
    }

    /// Whether this is `""`, `[]` or `{}`.
    fn is_empty(&self) -> bool {
        match self.kind {
            Kind::Plain => self.text.len() == 2,
            Kind::Array | Kind::Object => self.text[1..].trim_start().starts_with([']', '}']),
            _ => false,
        }
    }

    /// The value as a message names it: `the number 42`.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            Kind::Plain | Kind::Escaped => {
                let text = self.string().unwrap_or_default();
                format!("the string {}", Quoted(&text))
            }
            Kind::Integer | Kind::Number => format!("the number {}", Plain(self.text)),
            Kind::True | Kind::False | Kind::Null => self.text.to_owned(),
            Kind::Array if self.is_empty() => "an empty array".to_owned(),
            Kind::Array => "an array".to_owned(),
            Kind::Object if self.is_empty() => "an empty object".to_owned(),
            Kind::Object => "an object".to_owned(),
        }
    }
}

/// A key and its value.
///
/// [`scan`](super::scan()) leaves the fields of an event in a slice of these.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    pub(super) key: Text<'a>,
    pub(super) value: Value<'a>,
}

impl Member<'_> {
    /// The place of a member that was not found yet.
    pub const EMPTY: Member<'static> = Member {
        key: Text {
            raw: b"",
            escaped: false,
        },
        value: Value {
            text: "",
            kind: Kind::Null,
        },
    };

    /// Whether a member was found: every value has text.
    #[inline]
    pub(super) fn is_present(&self) -> bool {
        !self.value.text.is_empty()
    }
}
