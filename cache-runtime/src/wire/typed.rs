//! The type of a field, without its name: what it reads, for an export.

use std::fmt;

#[cfg(feature = "export")]
use super::trace::{Ask, Step};

/// What the type of a field reads. Without an export, nothing is known.
#[derive(Clone, Copy)]
pub struct Typed {
    /// What the type asks a deserializer for, at the end of a path through it.
    #[cfg(feature = "export")]
    pub(crate) ask: fn(&[Step]) -> Option<Ask>,
    /// Whether a field of the type accepts this JSON.
    #[cfg(feature = "export")]
    pub(crate) reads: fn(&str) -> bool,
    /// Whether fields of the type are read without serde.
    #[cfg(feature = "export")]
    pub(crate) is_native: fn() -> bool,
    /// The least and the largest number, if integers are strings.
    #[cfg(feature = "export")]
    pub(crate) as_string: Option<fn() -> [String; 2]>,
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").finish_non_exhaustive()
    }
}

/// Schemas are compared by what they say of the wire. The addresses of functions say nothing.
impl PartialEq for Typed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Typed {}
