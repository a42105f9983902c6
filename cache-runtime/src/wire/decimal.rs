//! Integers as decimal strings, for fields with `#[invalidation(as_string)]`.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

use super::decode::{EventField, field, integers};
use super::encode::Writer;
use super::member::Member;
use super::rejection::Rejection;
use super::schema::EventSchema;

/// A type that a field with `#[invalidation(as_string)]` may have.
#[diagnostic::on_unimplemented(
    message = "`as_string` is for integers, and `{Self}` is none",
    label = "expected an integer, or a `Vec` of integers",
    note = "remove `as_string`, or give the field an integer type such as `u64`"
)]
pub trait AsString: Sized {
    /// The type itself, as [`FieldType`](super::FieldType) has it.
    type Itself;

    /// What is on the wire.
    type Wire: EventField;

    /// The least and the largest number.
    const RANGE: [&'static dyn Display; 2];

    /// To the wire.
    fn to_wire(&self) -> Self::Wire;

    /// From the wire.
    fn from_wire(wire: Self::Wire) -> Self;
}

/// An integer as a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal<T>(T);

/// An integer type.
pub trait Integer: Copy + Display + FromStr + 'static {
    /// The least and the largest number, for messages.
    const RANGE: [&'static dyn Display; 2];
}

macro_rules! implement {
    ($($integer:ty)*) => {$(
        impl Integer for $integer {
            const RANGE: [&'static dyn Display; 2] = [&<$integer>::MIN, &<$integer>::MAX];
        }

        #[diagnostic::do_not_recommend]
        impl AsString for $integer {
            type Itself = Self;
            type Wire = Decimal<Self>;

            const RANGE: [&'static dyn Display; 2] = <Self as Integer>::RANGE;

            fn to_wire(&self) -> Decimal<Self> {
                Decimal(*self)
            }

            fn from_wire(wire: Decimal<Self>) -> Self {
                wire.0
            }
        }
    )*};
}
integers!(implement);

#[diagnostic::do_not_recommend]
impl<T: Integer> AsString for Vec<T> {
    type Itself = Self;
    type Wire = Vec<Decimal<T>>;

    const RANGE: [&'static dyn Display; 2] = T::RANGE;

    fn to_wire(&self) -> Self::Wire {
        self.iter().copied().map(Decimal).collect()
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.into_iter().map(|decimal| decimal.0).collect()
    }
}

impl<T: Integer> Serialize for Decimal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: Integer> Deserialize<'de> for Decimal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Digits(PhantomData))
    }
}

struct Digits<T>(PhantomData<T>);

impl<T: Integer> Visitor<'_> for Digits<T> {
    type Value = Decimal<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [min, max] = T::RANGE;
        write!(f, "an integer from {min} to {max} as a string of digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Decimal<T>, E> {
        let read = text.parse().ok().filter(|_| is_canonical(text));
        let wrong = || E::invalid_value(Unexpected::Str(text), &self);
        read.map(Decimal).ok_or_else(wrong)
    }
}

/// Whether an integer is written so, given that it can be read: every number in one way only, so
/// that equal keys are equal texts.
fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text == "0" || !digits.starts_with(['0', '+'])
}

/// Reads one field of the variant that [`scan`](super::scan()) has found.
///
/// # Errors
///
/// When the value is no integer of the field's type as a string, or no list of such.
pub fn field_as_string<T: AsString>(
    schema: &'static EventSchema,
    variant: usize,
    index: usize,
    members: &[Member<'_>],
) -> Result<T, Rejection> {
    field(schema, variant, index, members).map(T::from_wire)
}

impl Writer<'_> {
    /// Writes one field, in the order of the schema.
    pub fn field_as_string<T: AsString>(&mut self, index: usize, value: &T) -> &mut Self {
        self.field(index, &value.to_wire())
    }
}
