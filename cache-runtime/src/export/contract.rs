//! The wire contract of one event type.

use super::error::ExportError;
use super::explore::explore;
use super::fingerprint;
use super::payloads::{self, Decode, Golden};
use super::shape::Shape;
use crate::event::InvalidationEvent;
use crate::wire::{EventSchema, FieldSchema, VariantSchema};

/// What one event type accepts on the wire, for the functions of [this module](super).
///
/// It has been compared with the decoder: all golden payloads have their verdicts.
#[derive(Debug, Clone)]
pub struct Contract {
    pub(super) schema: &'static EventSchema,
    pub(super) channels: Vec<&'static str>,
    /// The shapes of the fields, for each variant.
    pub(super) shapes: Vec<Vec<Shape>>,
    pub(super) golden: Vec<Golden>,
}

impl Contract {
    /// The contract of an event type. It has no channels; those of [`declared`](super::declared)
    /// have theirs.
    ///
    /// # Errors
    ///
    /// When the type of a field cannot be described: its `Deserialize` checks more than serde's
    /// data model says, such as that of a UUID, or it is tagged internally, untagged, flattened or
    /// recursive, or has aliases.
    pub fn of<E: InvalidationEvent>() -> Result<Self, ExportError> {
        let decode: Decode = |payload, limit| E::decode_within(payload, limit).map(drop);
        Self::new(E::SCHEMA, Vec::new(), decode)
    }

    pub(super) fn new(
        schema: &'static EventSchema,
        channels: Vec<&'static str>,
        decode: Decode,
    ) -> Result<Self, ExportError> {
        let shapes = shapes(schema)?;
        let golden = payloads::golden(schema, &shapes, decode)?;
        Ok(Self {
            schema,
            channels,
            shapes,
            golden,
        })
    }

    /// The event type, by its name in Rust.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.schema.name()
    }

    /// As [`EventSchema::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint::fingerprint(self.schema, &self.shapes)
    }

    /// The variants, each with its fields and their shapes.
    pub(super) fn variants(
        &self,
    ) -> impl Iterator<Item = (&'static VariantSchema, Vec<(&'static FieldSchema, &Shape)>)> {
        let variants = self.schema.variants().iter().zip(&self.shapes);
        variants.map(|(variant, shapes)| (variant, variant.fields().iter().zip(shapes).collect()))
    }
}

/// The shapes of all fields, for each variant.
pub(super) fn shapes(schema: &'static EventSchema) -> Result<Vec<Vec<Shape>>, ExportError> {
    let variants = schema.variants().iter();
    let shapes = variants.map(|variant| {
        let fields = variant.fields().iter();
        let shapes = fields.map(|field| {
            let shape = field.type_behind().map(explore);
            let shape = shape.unwrap_or_else(|| Err("its schema does not know it".to_owned()));
            shape.map_err(|why| ExportError::new(schema, variant, field, why))
        });
        shapes.collect()
    });
    shapes.collect()
}

impl EventSchema {
    /// A short hash of what the event type accepts on the wire: 16 hexadecimal digits.
    ///
    /// Two instances that use one channel with different fingerprints disagree on some payload.
    /// Names in Rust do not count, nor does the order of variants and fields. The hash is the same
    /// in every build. It asks the types of all fields, which takes some microseconds for each: do
    /// it once.
    ///
    /// # Errors
    ///
    /// As [`Contract::of`](Contract::of), except that nothing is compared with the decoder.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache_runtime::InvalidationEvent;
    ///
    /// #[derive(InvalidationEvent)]
    /// enum UserEvent {
    ///     User { user_id: String },
    ///     All,
    /// }
    ///
    /// #[derive(InvalidationEvent)]
    /// enum Renamed {
    ///     All,
    ///     #[invalidation(rename = "user")]
    ///     Person { #[invalidation(rename = "userId")] id: String },
    /// }
    ///
    /// # fn main() -> Result<(), cache_runtime::export::ExportError> {
    /// let fingerprint = UserEvent::SCHEMA.fingerprint()?;
    /// assert_eq!(fingerprint.len(), 16);
    /// assert_eq!(fingerprint, Renamed::SCHEMA.fingerprint()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fingerprint(&'static self) -> Result<String, ExportError> {
        Ok(fingerprint::fingerprint(self, &shapes(self)?))
    }
}
