//! The schema of an event, and the errors of decoding and encoding it.

pub(crate) mod invalidation_event;
pub(crate) mod methods;
pub(crate) mod receipt;

pub use crate::wire::{
    Description, EncodeError, EventSchema, FieldSchema, Rejection, RejectionKind, VariantSchema,
};
pub(crate) use invalidation_event::InvalidationEvent;
pub(crate) use methods::{EventMethods, Publish, Publisher, Publishing};
pub(crate) use receipt::{Receipt, Settle, Settled, Settler};
