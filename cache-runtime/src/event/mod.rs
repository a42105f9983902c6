//! The event trait, and the schema that the derive writes for it.

mod methods;

use crate::codec::{Description, EncodeError, Rejection, describe};
use crate::defaults;
pub(crate) use methods::Publish;
pub use methods::{EventMethods, Publisher, Publishing, Receipt};

/// An event that tells every instance which cached entries are stale.
///
/// Implemented by `#[derive(InvalidationEvent)]` on an enum. The wire form is one JSON object: the
/// tag, then the fields of the variant, each under its own key and nothing else:
/// `{"type":"channel","channelId":"123"}`.
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

    /// The event itself. Generated code names an event by it, so that a missing derive is reported
    /// once and not wherever the event is mentioned.
    #[doc(hidden)]
    type Itself;

    /// Carries the `invalidate_…` methods that a service of this event offers.
    #[doc(hidden)]
    type Methods: EventMethods<Self>;

    /// Decodes a payload of at most `max_payload` bytes.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that names the key, what was expected and what was found. Nothing is
    /// accepted but the exact key set of one variant: unknown types, missing, extra and duplicate
    /// keys, wrong JSON types, trailing bytes and deep nesting are all rejected.
    fn decode_within(payload: &[u8], max_payload: usize) -> Result<Self, Rejection>;

    /// Appends the event in its canonical spelling: tag first, fields in order, no white space.
    ///
    /// # Errors
    ///
    /// When a field cannot be written as JSON, or is empty where the event says `non_empty`;
    /// `out` is then as it was before.
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// The event that means "everything is stale". Handlers receive it when events may have been
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

    /// The event in its canonical spelling, in a buffer of its own.
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
        describe(self)
    }
}

/// The shape of an event enum: its tag key and its variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSchema {
    name: &'static str,
    tag: &'static str,
    variants: &'static [VariantSchema],
    all: usize,
}

impl EventSchema {
    /// `all` is the index of the variant that means "everything is stale".
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        name: &'static str,
        tag: &'static str,
        variants: &'static [VariantSchema],
        all: usize,
    ) -> Self {
        Self {
            name,
            tag,
            variants,
            all,
        }
    }

    /// The enum's name in Rust.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The key that holds a variant's wire name: `type` unless the enum says otherwise.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        self.tag
    }

    /// The variants, in the order of the enum.
    #[must_use]
    pub const fn variants(&self) -> &'static [VariantSchema] {
        self.variants
    }

    /// The variant that means "everything is stale".
    #[must_use]
    pub const fn all(&self) -> &'static VariantSchema {
        &self.variants[self.all]
    }
}

/// The shape of one event: its wire name and its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VariantSchema {
    name: &'static str,
    wire: &'static str,
    head: &'static str,
    fields: &'static [FieldSchema],
}

impl VariantSchema {
    /// `head` is the canonical payload up to the first field: `{"type":"channel"`.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        name: &'static str,
        wire: &'static str,
        head: &'static str,
        fields: &'static [FieldSchema],
    ) -> Self {
        Self {
            name,
            wire,
            head,
            fields,
        }
    }

    /// The variant's name in Rust.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The value of the tag on the wire.
    #[must_use]
    pub const fn wire(&self) -> &'static str {
        self.wire
    }

    /// The fields, in the order of the variant.
    #[must_use]
    pub const fn fields(&self) -> &'static [FieldSchema] {
        self.fields
    }

    pub(crate) const fn head(&self) -> &'static str {
        self.head
    }
}

/// The shape of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSchema {
    name: &'static str,
    wire: &'static str,
    lead: &'static str,
    type_name: &'static str,
    non_empty: bool,
}

impl FieldSchema {
    /// `lead` is what stands before the value in the canonical payload: `,"channelId":`.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        name: &'static str,
        wire: &'static str,
        lead: &'static str,
        type_name: &'static str,
        non_empty: bool,
    ) -> Self {
        Self {
            name,
            wire,
            lead,
            type_name,
            non_empty,
        }
    }

    /// The field's name in Rust.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The key on the wire.
    #[must_use]
    pub const fn wire(&self) -> &'static str {
        self.wire
    }

    /// The field's type, as written in the enum.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Whether an empty string or list is rejected.
    #[must_use]
    pub const fn non_empty(&self) -> bool {
        self.non_empty
    }

    pub(crate) const fn lead(&self) -> &'static str {
        self.lead
    }
}
