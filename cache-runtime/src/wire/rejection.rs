//! Why a payload was rejected.

use std::fmt::{self, Display};
use std::str::Utf8Error;

use super::lexer::MAX_DEPTH;
use super::member::Value;
use super::schema::{EventSchema, FieldSchema, VariantSchema};
use super::text::{Plain, Quoted, list};

/// Why a payload was rejected.
///
/// The text names the key, what was expected and what was found. It is safe to log, whatever the
/// payload holds: values are shortened, and characters that do not print are escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection(Box<Parts>);

/// The kinds of [`Rejection`].
///
/// If there are several defects, the first in this order is reported: the payload as a whole,
/// duplicate keys, the tag, extra keys, missing keys, values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The payload is longer than the limit; nothing else was looked at.
    TooLarge,
    /// The payload is not UTF-8.
    NotUtf8,
    /// The payload is not one JSON value.
    NotJson,
    /// Objects and arrays are nested more than 128 levels deep.
    TooDeep,
    /// The payload is JSON, but not an object.
    NotAnObject,
    /// An object, at any depth, has a key twice.
    DuplicateKey,
    /// The enum has no variant for the event's type.
    UnknownEvent,
    /// The event has a key that its variant does not have.
    ExtraKey,
    /// A field or the event's type is missing.
    MissingKey,
    /// A value is empty where the event does not allow it.
    EmptyValue,
    /// A value is not of its field's type, or the event's type is not a string.
    WrongValue,
}

impl RejectionKind {
    /// The kind in one word, as exported validators report it: `tooLarge`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "tooLarge",
            Self::NotUtf8 => "notUtf8",
            Self::NotJson => "notJson",
            Self::TooDeep => "tooDeep",
            Self::NotAnObject => "notAnObject",
            Self::DuplicateKey => "duplicateKey",
            Self::UnknownEvent => "unknownEvent",
            Self::ExtraKey => "extraKey",
            Self::MissingKey => "missingKey",
            Self::EmptyValue => "emptyValue",
            Self::WrongValue => "wrongValue",
        }
    }
}

/// The parts of a rejection's text. Each is shortened and escaped already.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    kind: RejectionKind,
    key: String,
    place: String,
    expected: String,
    found: String,
}

impl Rejection {
    /// What kind of defect this is.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.0.kind
    }

    /// Whether the payload is longer than the limit.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.kind() == RejectionKind::TooLarge
    }

    /// Whether the payload is not UTF-8, not JSON, or nested too deep.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        use RejectionKind::{NotJson, NotUtf8, TooDeep};
        matches!(self.kind(), NotUtf8 | NotJson | TooDeep)
    }

    /// Whether the payload is an event of a type that this enum does not have.
    ///
    /// A newer version may publish it.
    #[must_use]
    pub fn is_unknown_event(&self) -> bool {
        self.kind() == RejectionKind::UnknownEvent
    }

    fn new(kind: RejectionKind) -> Self {
        Self(Box::new(Parts {
            kind,
            key: String::new(),
            place: String::new(),
            expected: String::new(),
            found: String::new(),
        }))
    }

    fn key(mut self, key: &str) -> Self {
        self.0.key = Quoted(key).to_string();
        self
    }

    fn place(mut self, place: impl Display) -> Self {
        self.0.place = place.to_string();
        self
    }

    fn expected(mut self, expected: impl Display) -> Self {
        self.0.expected = expected.to_string();
        self
    }

    fn found(mut self, found: impl Display) -> Self {
        self.0.found = found.to_string();
        self
    }

    #[cold]
    pub(super) fn too_large(length: usize, limit: usize) -> Self {
        Self::new(RejectionKind::TooLarge)
            .expected(limit)
            .found(length)
    }

    #[cold]
    pub(super) fn not_utf8(error: Utf8Error) -> Self {
        Self::new(RejectionKind::NotUtf8).place(error.valid_up_to())
    }

    pub(super) fn not_json(at: usize, expected: &str, found: Option<char>) -> Self {
        let rejection = Self::new(RejectionKind::NotJson)
            .place(at)
            .expected(expected);
        match found {
            Some(char) => rejection.found(format_args!("{char:?}")),
            None => rejection.found("the end"),
        }
    }

    pub(super) fn too_deep(at: usize) -> Self {
        Self::new(RejectionKind::TooDeep).place(at)
    }

    pub(super) fn not_an_object(root: &Value<'_>) -> Self {
        Self::new(RejectionKind::NotAnObject).found(root.describe())
    }

    /// `within` is the key of the event whose value has the duplicate, if it is in a nested object.
    pub(super) fn duplicate_key(key: &str, within: Option<&str>) -> Self {
        let rejection = Self::new(RejectionKind::DuplicateKey).key(key);
        match within {
            Some(outer) => rejection.place(format_args!(" within {}", Quoted(outer))),
            None => rejection,
        }
    }

    pub(super) fn unknown_event(schema: &EventSchema, found: &str) -> Self {
        let known = list(schema.variants().iter().map(VariantSchema::wire));
        let one_of = if schema.variants().len() == 1 {
            ""
        } else {
            "one of "
        };
        Self::new(RejectionKind::UnknownEvent)
            .expected(format_args!("{one_of}{known}"))
            .found(Quoted(found))
    }

    pub(super) fn extra_key(schema: &EventSchema, variant: &VariantSchema, key: &str) -> Self {
        let fields = variant.fields().iter().map(FieldSchema::wire);
        let known = list(std::iter::once(schema.tag()).chain(fields));
        Self::new(RejectionKind::ExtraKey)
            .key(key)
            .place(Quoted(variant.wire()))
            .expected(format_args!("only {known}"))
    }

    pub(super) fn missing_tag(schema: &EventSchema, found: &str) -> Self {
        Self::new(RejectionKind::MissingKey)
            .key(schema.tag())
            .found(found)
    }

    pub(super) fn missing_key(key: &str, variant: &VariantSchema, found: &str) -> Self {
        Self::new(RejectionKind::MissingKey)
            .key(key)
            .place(format_args!(" in event {}", Quoted(variant.wire())))
            .found(found)
    }

    pub(super) fn wrong_value(key: &str, expected: &str, found: &str) -> Self {
        Self::new(RejectionKind::WrongValue)
            .key(key)
            .expected(expected)
            .found(found)
    }

    pub(super) fn empty_value(key: &str, found: &Value<'_>) -> Self {
        Self::new(RejectionKind::EmptyValue)
            .key(key)
            .found(Plain(found.text))
    }
}

impl Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use RejectionKind as Kind;
        let Parts {
            kind,
            key,
            place,
            expected,
            found,
        } = &*self.0;
        match kind {
            Kind::TooLarge => write!(
                f,
                "payload of {found} bytes exceeds the limit of {expected}"
            ),
            Kind::NotUtf8 => write!(f, "not UTF-8 at byte {place}"),
            Kind::NotJson => write!(
                f,
                "not JSON at byte {place}: expected {expected}, found {found}"
            ),
            Kind::TooDeep => write!(
                f,
                "nested more than {MAX_DEPTH} levels deep at byte {place}"
            ),
            Kind::NotAnObject => write!(f, "expected an object, found {found}"),
            Kind::DuplicateKey => write!(f, "duplicate key {key}{place}"),
            Kind::UnknownEvent => write!(f, "unknown event type {found}, expected {expected}"),
            Kind::ExtraKey => write!(f, "extra key {key} in event {place}, expected {expected}"),
            Kind::MissingKey => write!(f, "missing key {key}{place}, found {found}"),
            Kind::WrongValue => write!(f, "key {key}: expected {expected}, found {found}"),
            Kind::EmptyValue => write!(
                f,
                "key {key}: expected a value that is not empty, found {found}"
            ),
        }
    }
}

impl std::error::Error for Rejection {}
