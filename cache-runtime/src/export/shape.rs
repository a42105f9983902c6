//! What JSON a field accepts.

use std::fmt::Write as _;

use super::json;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    /// A string of one character.
    Char,
    Bool,
    Null,
    /// Any JSON. Where it is not ignored, numbers are finite.
    Any {
        ignored: bool,
    },
    Integer {
        min: i128,
        max: u128,
        negative_zero: bool,
    },
    /// An integer as a string of digits.
    Decimal {
        min: i128,
        max: u128,
    },
    /// A number that is finite as an `f64`, or as an `f32` if narrow.
    Number {
        narrow: bool,
    },
    Optional(Box<Shape>),
    List(Box<Shape>),
    Tuple(Vec<Shape>),
    Map(Box<Shape>),
    Struct {
        keys: Vec<Key>,
        /// Whether further keys are rejected.
        closed: bool,
    },
    /// Variants with what they contain.
    Enum(Vec<(&'static str, Option<Shape>)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
}

/// The largest integer that JavaScript does not round.
pub(super) const MAX_SAFE: u128 = (1 << 53) - 1;

/// Whether JavaScript rounds some integers of a range.
pub(super) fn is_rounded(min: i128, max: u128) -> bool {
    max > MAX_SAFE || min.unsigned_abs() > MAX_SAFE
}

impl Shape {
    /// The shape in one spelling, for fingerprints. The order of keys and variants does not count.
    pub(super) fn canonical(&self, out: &mut String) {
        match self {
            Self::Text => out.push_str("text"),
            Self::Char => out.push_str("char"),
            Self::Bool => out.push_str("bool"),
            Self::Null => out.push_str("null"),
            Self::Any { ignored: false } => out.push_str("any"),
            Self::Any { ignored: true } => out.push_str("ignored"),
            Self::Integer {
                min,
                max,
                negative_zero,
            } => {
                let zero = if *negative_zero { ",-0" } else { "" };
                let _ = write!(out, "integer({min},{max}{zero})");
            }
            Self::Decimal { min, max } => {
                let _ = write!(out, "decimal({min},{max})");
            }
            Self::Number { narrow: false } => out.push_str("number"),
            Self::Number { narrow: true } => out.push_str("narrow"),
            Self::Optional(inner) => list(out, "optional", [&**inner]),
            Self::List(item) => list(out, "list", [&**item]),
            Self::Tuple(items) => list(out, "tuple", items),
            Self::Map(value) => list(out, "map", [&**value]),
            Self::Struct { keys, closed } => {
                let mut keys: Vec<_> = keys.iter().collect();
                keys.sort_by_key(|key| key.name);
                out.push_str(if *closed { "closed{" } else { "open{" });
                for key in keys {
                    let optional = if key.required { "" } else { "?" };
                    let _ = write!(out, "{}{optional}:", json::quoted(key.name));
                    key.shape.canonical(out);
                    out.push(',');
                }
                out.push('}');
            }
            Self::Enum(variants) => {
                let mut variants: Vec<_> = variants.iter().collect();
                variants.sort_by_key(|(name, _)| name);
                out.push_str("enum{");
                for (name, content) in variants {
                    out.push_str(&json::quoted(name));
                    if let Some(content) = content {
                        out.push(':');
                        content.canonical(out);
                    }
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

fn list<'s>(out: &mut String, name: &str, items: impl IntoIterator<Item = &'s Shape>) {
    out.push_str(name);
    out.push('(');
    for item in items {
        item.canonical(out);
        out.push(',');
    }
    out.push(')');
}
