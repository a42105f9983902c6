//! From the fields of an event to its canonical payload.

use std::any::Any;
use std::fmt::{self, Display};

use super::decode::EventField;
use super::schema::{EventSchema, VariantSchema};
use super::text::{Prose, is_plain};

/// Appends one event to a buffer; after an error the buffer is as it was before.
#[derive(Debug)]
pub struct Writer<'a> {
    schema: &'static EventSchema,
    variant: &'static VariantSchema,
    out: &'a mut Vec<u8>,
    start: usize,
    /// The first error; nothing is written after it.
    failed: Option<EncodeError>,
}

impl<'a> Writer<'a> {
    /// Begins the event of this variant.
    #[inline]
    #[must_use]
    pub fn new(schema: &'static EventSchema, variant: usize, out: &'a mut Vec<u8>) -> Self {
        let variant = &schema.variants()[variant];
        let start = out.len();
        out.extend_from_slice(variant.head().as_bytes());
        Self {
            schema,
            variant,
            out,
            start,
            failed: None,
        }
    }

    /// Writes one field, in the order of the schema.
    pub fn field<T: EventField>(&mut self, index: usize, value: &T) -> &mut Self {
        if self.failed.is_some() {
            return self;
        }
        let written = if let Some(text) = (value as &dyn Any).downcast_ref::<String>() {
            self.string(index, text)
        } else {
            let from = self.lead(index);
            match serde_json::to_writer(&mut *self.out, value) {
                Ok(()) => self.check(index, from),
                Err(error) => Err(Reason::of(&error)),
            }
        };
        if let Err(reason) = written {
            self.fail(index, reason);
        }
        self
    }

    /// Ends the event.
    ///
    /// # Errors
    ///
    /// When a value cannot be serialized, is null, or is empty where that is not allowed.
    #[inline]
    pub fn finish(&mut self) -> Result<(), EncodeError> {
        match self.failed.take() {
            None => {
                self.out.push(b'}');
                Ok(())
            }
            Some(error) => Err(error),
        }
    }

    /// Writes the key; returns where the value begins.
    fn lead(&mut self, index: usize) -> usize {
        let lead = self.variant.fields()[index].lead();
        self.out.extend_from_slice(lead.as_bytes());
        self.out.len()
    }

    #[inline]
    fn string(&mut self, index: usize, text: &str) -> Result<(), Reason> {
        let field = &self.variant.fields()[index];
        if text.is_empty() && field.non_empty() {
            return Err(Reason::Empty);
        }
        let lead = field.lead();
        self.out.reserve(lead.len() + text.len() + 2);
        self.out.extend_from_slice(lead.as_bytes());
        if is_plain(text.as_bytes()) {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
            return Ok(());
        }
        serde_json::to_writer(&mut *self.out, text).map_err(|error| Reason::of(&error))
    }

    fn check(&self, index: usize, from: usize) -> Result<(), Reason> {
        let non_empty = self.variant.fields()[index].non_empty();
        match &self.out[from..] {
            b"null" => Err(Reason::Null),
            b"\"\"" | b"[]" | b"{}" if non_empty => Err(Reason::Empty),
            _ => Ok(()),
        }
    }

    #[cold]
    fn fail(&mut self, index: usize, reason: Reason) {
        self.out.truncate(self.start);
        self.failed = Some(EncodeError(Box::new(Failure {
            event: self.schema.name(),
            variant: self.variant.name(),
            field: self.variant.fields()[index].name(),
            reason,
        })));
    }
}

/// Why an event cannot be written.
///
/// The text names the event and the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeError(Box<Failure>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    event: &'static str,
    variant: &'static str,
    field: &'static str,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Null,
    Empty,
    Serde(String),
}

impl Reason {
    fn of(error: &serde_json::Error) -> Self {
        Self::Serde(Prose(&error.to_string()).to_string())
    }
}

impl EncodeError {
    /// The variant, by its name in Rust.
    #[must_use]
    pub fn variant(&self) -> &'static str {
        self.0.variant
    }

    /// The field, by its name in Rust.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.0.field
    }
}

impl Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            event,
            variant,
            field,
            reason,
        } = &*self.0;
        write!(f, "cannot write `{event}::{variant}`: field `{field}` ")?;
        match reason {
            Reason::Null => f.write_str("is null in JSON, which no receiver accepts"),
            Reason::Empty => f.write_str("must not be empty"),
            Reason::Serde(message) => write!(f, "cannot be serialized: {message}"),
        }
    }
}

impl std::error::Error for EncodeError {}
