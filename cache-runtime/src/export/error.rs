//! Why a contract cannot be exported.

use std::fmt;

use crate::wire::{EventSchema, FieldSchema, VariantSchema};

/// Why an event type has no contract that can be exported.
///
/// The text names the field, its type and what cannot be described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportError(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Parts {
    Field {
        event: &'static str,
        variant: &'static str,
        field: &'static str,
        type_name: &'static str,
        why: String,
    },
    SameName(&'static str),
}

impl ExportError {
    pub(super) fn new(
        event: &EventSchema,
        variant: &VariantSchema,
        field: &FieldSchema,
        why: String,
    ) -> Self {
        Self(Box::new(Parts::Field {
            event: event.name(),
            variant: variant.name(),
            field: field.name(),
            type_name: field.type_name(),
            why,
        }))
    }

    pub(super) fn same_name(name: &'static str) -> Self {
        Self(Box::new(Parts::SameName(name)))
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Parts::Field {
                event,
                variant,
                field,
                type_name,
                why,
            } => write!(
                f,
                "cannot export `{event}::{variant}`: the type `{type_name}` of field `{field}` \
                 cannot be described: {why}"
            ),
            Parts::SameName(name) => write!(
                f,
                "cannot export two event types that are both called `{name}`: rename one of them"
            ),
        }
    }
}

impl std::error::Error for ExportError {}
