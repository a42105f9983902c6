//! From a JSON value to the type of a field.

use std::any::Any;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::member::{Kind, Member, Value};
use super::rejection::Rejection;
use super::schema::{EventSchema, FieldSchema, VariantSchema};
use super::strict::Strict;
use super::text::{Plain, Prose};

/// A type that a field may have: all that serde can write, and can read without borrowing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of an invalidation event",
    label = "this type cannot be written to and read from JSON",
    note = "fields need serde's `Serialize` and `DeserializeOwned`: add `#[derive(Serialize, Deserialize)]` to `{Self}`"
)]
pub trait EventField: Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> EventField for T {}

/// How generated code names a field's type: `<T as FieldType>::Itself` is `T`.
///
/// So what `T` lacks is reported once, though decoding and encoding both need it. rustc may report
/// this trait or [`EventField`]: both have the same message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of an invalidation event",
    label = "this type cannot be written to and read from JSON",
    note = "fields need serde's `Serialize` and `DeserializeOwned`: add `#[derive(Serialize, Deserialize)]` to `{Self}`"
)]
pub trait FieldType {
    /// The type itself.
    type Itself;
}

#[diagnostic::do_not_recommend]
impl<T: EventField> FieldType for T {
    type Itself = T;
}

/// Tells whether a type is an `Option`, even behind an alias.
///
/// The constant of `Probe<Option<T>>` hides that of every `Probe<T>`.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T> Probe<Option<T>> {
    /// True: the type is an `Option`.
    pub const IS_OPTION: bool = true;
}

/// Gives every other [`Probe`] its constant.
pub trait NoOption {
    /// False: the type is not an `Option`.
    const IS_OPTION: bool = false;
}

impl<T> NoOption for Probe<T> {}

/// Makes an optional field an error of the compiler.
///
/// # Panics
///
/// At compile time, if the field is optional.
#[track_caller]
pub const fn refuse_option(is_option: bool) {
    assert!(
        !is_option,
        "an optional field would make the key set vary\nhelp: split it into two variants"
    );
}

/// Runs a macro with every integer type.
macro_rules! integers {
    ($run:ident) => {
        $run! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }
    };
}
pub(super) use integers;

/// Reads one field of the variant that [`scan`](super::scan()) has found.
///
/// # Errors
///
/// When the value is not of the field's type.
pub fn field<T: EventField>(
    schema: &'static EventSchema,
    variant: usize,
    field: usize,
    members: &[Member<'_>],
) -> Result<T, Rejection> {
    let value = &members[field].value;
    let mut read = None::<T>;
    if native(value, &mut read) {
        return read
            .ok_or_else(|| Rejected::new(schema, variant, field).wrong_native(value, &None::<T>));
    }
    if value.kind == Kind::Null {
        return Err(Rejected::new(schema, variant, field).null(value));
    }
    let mut json = serde_json::Deserializer::from_str(value.text);
    // A type may read a part of a number only, such as `1` of `1.5`.
    let read = T::deserialize(Strict(&mut json)).and_then(|read| json.end().map(|()| read));
    read.or_else(|_| {
        explain(value)
            .map_err(|why| Rejected::new(schema, variant, field).wrong_foreign(value, &why))
    })
}

/// Reads strings, bools and numbers without serde; `false` if the field has another type.
///
/// `place` is an `Option` of the field's type. Inlined, only the branch for that type is left.
#[expect(
    clippy::inline_always,
    reason = "it looks too large until it is inlined"
)]
#[inline(always)]
fn native(value: &Value<'_>, place: &mut dyn Any) -> bool {
    if let Some(place) = place.downcast_mut::<Option<String>>() {
        *place = value.string();
        return true;
    }
    if let Some(place) = place.downcast_mut::<Option<bool>>() {
        *place = match value.kind {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        };
        return true;
    }
    macro_rules! read {
        ($($integer:ty)*) => {$(
            if let Some(place) = place.downcast_mut::<Option<$integer>>() {
                *place = value.integer();
                return true;
            }
        )*};
    }
    integers!(read);
    macro_rules! read_float {
        ($($float:ty)*) => {$(
            if let Some(place) = place.downcast_mut::<Option<$float>>() {
                // Too large a number becomes infinite, which could not be written again.
                *place = value.number().and_then(|text| text.parse().ok());
                *place = place.filter(|float| float.is_finite());
                return true;
            }
        )*};
    }
    read_float! { f32 f64 }
    false
}

/// Reads the value once more, to find where in it the defect is.
#[cold]
fn explain<T: DeserializeOwned>(value: &Value<'_>) -> Result<T, Why> {
    let mut json = serde_json::Deserializer::from_str(value.text);
    let read = serde_path_to_error::deserialize(Strict(&mut json)).map_err(|error| Why {
        path: error.path().to_string(),
        message: error.inner().to_string(),
    })?;
    json.end().map(|()| read).map_err(|error| Why {
        path: ".".to_owned(),
        message: error.to_string(),
    })
}

/// Why serde rejects a value.
struct Why {
    /// Such as `mode`, `[1].id`, or `.` for the value itself.
    path: String,
    /// Such as ``invalid type: integer `1`, expected a string at line 1 column 8``.
    message: String,
}

/// The field whose value is rejected.
struct Rejected {
    variant: &'static VariantSchema,
    field: &'static FieldSchema,
}

impl Rejected {
    #[cold]
    fn new(schema: &'static EventSchema, variant: usize, field: usize) -> Self {
        let variant = &schema.variants()[variant];
        let field = &variant.fields()[field];
        Self { variant, field }
    }

    /// `read` is an empty `Option` of the field's type: that type says what was expected.
    fn wrong_native(&self, value: &Value<'_>, read: &dyn Any) -> Rejection {
        let mut expected = if read.is::<Option<String>>() {
            "a string".to_owned()
        } else {
            "true or false".to_owned()
        };
        macro_rules! name {
            ($($integer:ty)*) => {$(
                if read.is::<Option<$integer>>() {
                    expected = format!("an integer from {} to {}", <$integer>::MIN, <$integer>::MAX);
                }
            )*};
        }
        integers!(name);
        if read.is::<Option<f32>>() || read.is::<Option<f64>>() {
            "a finite number".clone_into(&mut expected);
        }
        Rejection::wrong_value(self.field.wire(), &expected, &value.describe())
    }

    fn null(&self, value: &Value<'_>) -> Rejection {
        Rejection::wrong_value(self.field.wire(), &self.type_name(), &value.describe())
    }

    fn wrong_foreign(&self, value: &Value<'_>, why: &Why) -> Rejection {
        let wire = self.field.wire();
        let key = match why.path.as_str() {
            "." => wire.to_owned(),
            path if path.starts_with('[') => format!("{wire}{path}"),
            path => format!("{wire}.{path}"),
        };
        let message = why
            .message
            .rsplit_once(" at line ")
            .map_or(&*why.message, |(message, _)| message);
        let missing = message
            .strip_prefix("missing field `")
            .and_then(|name| name.strip_suffix('`'));
        if let Some(name) = missing {
            let key = format!("{key}.{name}");
            return Rejection::missing_key(&key, self.variant, "an object without it");
        }
        // What was expected comes last, and the program's own type says it. What was found comes
        // from the payload.
        if let Some((found, expected)) = message.rsplit_once(", expected ") {
            let kinds = ["invalid type: ", "invalid value: "];
            let value = kinds.iter().find_map(|kind| found.strip_prefix(kind));
            let found = Plain(value.unwrap_or(found)).to_string();
            return Rejection::wrong_value(&key, &Prose(expected).to_string(), &found);
        }
        let found = format!("{}: {}", value.describe(), Prose(message));
        Rejection::wrong_value(&key, &self.type_name(), &found)
    }

    fn type_name(&self) -> String {
        format!("`{}`", self.field.type_name())
    }
}
