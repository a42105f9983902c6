//! The trait that the derive implements.

use super::methods::EventMethods;
use crate::defaults;
use crate::wire::{Description, EncodeError, EventSchema, Rejection};

/// An event that tells every instance which cached entries are stale.
///
/// `#[derive(InvalidationEvent)]` implements it for an enum. On the wire an event is one JSON
/// object of the tag and the fields of the variant: `{"type":"channel","channelId":"123"}`.
///
/// Events carry keys, never values, and must be idempotent: an event may be delivered more than
/// once, and [`all`](Self::all) may be delivered whenever events may have been lost.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an invalidation event",
    label = "this type does not implement `InvalidationEvent`",
    note = "add `#[derive(InvalidationEvent)]` to `{Self}`"
)]
pub trait InvalidationEvent: Sized + Send + Sync + 'static {
    /// Variants, fields and their names on the wire.
    const SCHEMA: &'static EventSchema;

    /// The event itself. Generated code names the event by this type, so that a missing derive is
    /// reported only once.
    #[doc(hidden)]
    type Itself;

    /// Carries the `invalidate_…` methods that a service of this event offers.
    #[doc(hidden)]
    type Methods: EventMethods<Self>;

    /// Decodes a payload of at most `max_payload` bytes.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that names the key, what was expected and what was found. The payload must
    /// have exactly the keys of one variant. Unknown types, missing, extra and duplicate keys,
    /// wrong JSON types, trailing bytes and deep nesting are rejected.
    fn decode_within(payload: &[u8], max_payload: usize) -> Result<Self, Rejection>;

    /// Appends the event in its canonical spelling: tag first, fields in order, no white space.
    ///
    /// # Errors
    ///
    /// When a field cannot be written as JSON, or is empty although it is marked `non_empty`. Then
    /// `out` is unchanged.
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// The event that says that everything is stale. Handlers receive it when events may have been
    /// lost.
    fn all() -> Self;

    /// The position of this event's variant in [`SCHEMA`](Self::SCHEMA).
    #[doc(hidden)]
    fn variant(&self) -> usize;

    /// Decodes a payload of at most [`defaults::MAX_PAYLOAD`] bytes.
    ///
    /// # Errors
    ///
    /// As [`decode_within`](Self::decode_within).
    fn decode(payload: &[u8]) -> Result<Self, Rejection> {
        Self::decode_within(payload, defaults::MAX_PAYLOAD)
    }

    /// The event in its canonical spelling, in a new buffer.
    ///
    /// # Errors
    ///
    /// As [`encode_into`](Self::encode_into).
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(64);
        self.encode_into(&mut out)?;
        Ok(out)
    }

    /// A description for logs: long values are shortened and control characters escaped.
    fn describe(&self) -> Description {
        let mut json = Vec::new();
        let written = self.encode_into(&mut json);
        Description::new(Self::SCHEMA, written.as_ref().map(|()| &*json))
    }
}
