//! The schema of an event, and why a payload is rejected or an event cannot be encoded.

pub(crate) mod invalidation_event;
pub(crate) mod methods;

pub use crate::wire::{
    Description, EncodeError, EventSchema, FieldSchema, Rejection, RejectionKind, VariantSchema,
};
pub(crate) use invalidation_event::InvalidationEvent;
pub(crate) use methods::{EventMethods, Publish, Publisher, Publishing, Receipt};
