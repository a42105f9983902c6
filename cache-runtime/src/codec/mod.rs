//! The wire format: strict JSON in, canonical JSON out.
//!
//! Everything here is driven by the [schema](crate::EventSchema), so that an enum adds no more than
//! a table and a few calls. A payload is looked at up to three times:
//!
//! 1. as most writers spell it, by comparing it with the schema's literals;
//! 2. in any order and spelling;
//! 3. thoroughly, which decides what is not accepted and why.
//!
//! The first two may only say yes; whatever they hesitate about goes on to the next.
//!
//! Defects are looked for in this order, and the first one found is the one that is reported:
//! length, UTF-8, syntax and depth, root, duplicate keys, tag, extra keys, missing keys, empty
//! values, and at last the types of the values in the order of the schema.
//!
//! Where JSON leaves a choice: numbers of any size pass where they are ignored (`1e999` in a further
//! key of a nested struct), but not where a field would take them; integers have neither fraction
//! nor exponent, and `-0` is none; a field is never null, though a part of a nested value may be.

mod decode;
mod describe;
mod diagnose;
mod encode;
mod lex;
mod rejection;
mod scan;
mod seen;
mod slot;
mod strict;
mod text;

#[cfg(test)]
mod tests;

pub use decode::{EventField, FieldType, NoOption, Probe, field, refuse_option};
pub use describe::Description;
pub(crate) use describe::describe;
pub use encode::{EncodeError, Writer};
pub use rejection::{Rejection, RejectionKind};
pub use scan::scan;
pub use slot::Slot;
pub(crate) use text::{Prose, Quoted};
