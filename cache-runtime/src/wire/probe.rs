//! Asks the type of a field what it reads.

use super::decimal::AsString;
use super::decode::EventField;
use super::typed::Typed;

/// The type of a field, for its schema.
#[must_use]
pub const fn typed<T: EventField>() -> Typed {
    Typed {
        #[cfg(feature = "export")]
        ask: super::trace::ask::<T>,
        #[cfg(feature = "export")]
        reads: reading::reads::<T>,
        #[cfg(feature = "export")]
        is_native: reading::is_native::<T>,
        #[cfg(feature = "export")]
        as_string: None,
    }
}

/// The type of a field whose integers are strings, for its schema.
#[must_use]
pub const fn typed_as_string<T: AsString>() -> Typed {
    let typed = typed::<T::Wire>();
    #[cfg(feature = "export")]
    let typed = Typed {
        as_string: Some(|| T::RANGE.map(ToString::to_string)),
        ..typed
    };
    typed
}

#[cfg(feature = "export")]
mod reading {
    use std::any::TypeId;

    use super::EventField;
    use crate::wire::decode::{field, integers};
    use crate::wire::lexer::{Keys, Lexer};
    use crate::wire::member::{Member, Text};
    use crate::wire::schema::{EventSchema, FieldSchema, VariantSchema};

    static ONE_FIELD: EventSchema = EventSchema::new(
        "Probe",
        "type",
        &[VariantSchema::new(
            "Probe",
            "probe",
            r#"{"type":"probe""#,
            &[FieldSchema::new(
                "probe",
                "probe",
                r#","probe":"#,
                "Probe",
                false,
            )],
        )],
        0,
    );

    pub(super) fn reads<T: EventField>(json: &str) -> bool {
        let Ok(value) = Lexer::new(json, Keys::Unique).document() else {
            return false;
        };
        let key = Text {
            raw: b"probe",
            escaped: false,
        };
        field::<T>(&ONE_FIELD, 0, 0, &[Member { key, value }]).is_ok()
    }

    pub(super) fn is_native<T: 'static>() -> bool {
        macro_rules! natives {
            ($($integer:ty)*) => {
                [
                    $(TypeId::of::<$integer>(),)*
                    TypeId::of::<String>(),
                    TypeId::of::<bool>(),
                    TypeId::of::<f32>(),
                    TypeId::of::<f64>(),
                ]
            };
        }
        integers!(natives).contains(&TypeId::of::<T>())
    }
}
