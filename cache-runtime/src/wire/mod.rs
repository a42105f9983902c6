//! The wire format: strict JSON in, canonical JSON out.
//!
//! Everything here goes by the [schema](EventSchema), so that the derive generates only a table and
//! a few calls for an enum. A payload takes up to three passes:
//!
//! 1. for the spelling of most writers, by comparing it with the schema's literals;
//! 2. for any order and spelling;
//! 3. for what is left, rule by rule: it decides what is rejected and why.
//!
//! The first two passes only accept. What they do not accept goes on to the next.
//!
//! The first defect in this order is reported: length, UTF-8, syntax and depth, root, duplicate
//! keys, tag, extra keys, missing keys, empty values. The types of the values come last, in the
//! order of the schema.
//!
//! Where JSON leaves a choice:
//!
//! - A number of any size passes where it is ignored (`1e999` in a further key of a nested struct),
//!   but not as the value of a field.
//! - Integers have neither fraction nor exponent, and `-0` is not an integer.
//! - A field is never null, though a part of a nested value may be.

mod decimal;
mod decode;
mod describe;
mod diagnose;
mod doc;
mod encode;
mod lexer;
mod member;
mod probe;
mod rejection;
mod scan;
mod schema;
mod seen;
mod strict;
mod text;
#[cfg(feature = "export")]
pub(crate) mod trace;
mod typed;

#[cfg(test)]
mod tests;

pub use decimal::{AsString, field_as_string};
pub use decode::{EventField, FieldType, NoOption, Probe, field, refuse_option};
pub use describe::Description;
pub use encode::{EncodeError, Writer};
pub use member::Member;
pub use probe::{typed, typed_as_string};
pub use rejection::{Rejection, RejectionKind};
pub use scan::scan;
pub use schema::{EventSchema, FieldSchema, VariantSchema};
pub(crate) use text::{Prose, Quoted};
#[cfg(feature = "export")]
pub(crate) use typed::Typed;
