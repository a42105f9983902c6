//! Finds out which JSON a type reads, from what it asks a deserializer for.
//!
//! A path leads through the type. At its end the type's question is noted, and reading fails.

use std::any::type_name;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde_json::Error;

/// From a value into one that it contains.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Into an `Option`.
    Some,
    /// To an element of a list.
    Item,
    /// To the element of a tuple that follows these.
    Element(Vec<String>),
    /// To a value of a map.
    Value,
    Field(&'static str),
    Variant(&'static str),
}

/// What a type asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Text,
    Char,
    Bool,
    Null,
    Integer {
        min: i128,
        max: u128,
    },
    Float {
        narrow: bool,
    },
    /// Anything at all; if it is not ignored, numbers have to be finite.
    Any {
        ignored: bool,
    },
    Option,
    List,
    Tuple(usize),
    Map,
    /// A struct, by the name of its visitor, and its keys.
    Struct(&'static str, &'static [&'static str]),
    /// An enum, by the name of its visitor, and its variants.
    Enum(&'static str, &'static [&'static str]),
    /// A variant without content.
    Unit,
    /// What cannot be described.
    Other(&'static str),
}

/// What a type asks for at the end of a path; `None` if it does not follow the path.
pub(super) fn ask<T: DeserializeOwned>(path: &[Step]) -> Option<Ask> {
    let mut found = None;
    let tracer = Tracer {
        path,
        found: &mut found,
    };
    // It fails, because no value is ever given.
    let _ = T::deserialize(tracer);
    found
}

struct Tracer<'t> {
    path: &'t [Step],
    found: &'t mut Option<Ask>,
}

impl<'t> Tracer<'t> {
    fn note<T>(self, ask: Ask) -> Result<T, Error> {
        *self.found = Some(ask);
        Err(Error::custom("noted"))
    }

    /// Notes the question at the end of the path, or else returns the next step and who goes on.
    fn step<T>(self, ask: Ask) -> Result<(&'t Step, Self), Result<T, Error>> {
        match self.path.split_first() {
            None => Err(self.note(ask)),
            Some((step, path)) => Ok((
                step,
                Tracer {
                    path,
                    found: self.found,
                },
            )),
        }
    }

    fn elements<'de, V: Visitor<'de>>(self, ask: Ask, visitor: V) -> Result<V::Value, Error> {
        match self.step(ask) {
            Ok((Step::Item, then)) => visitor.visit_seq(Elements {
                before: &[],
                then: Some(then),
            }),
            Ok((Step::Element(before), then)) => visitor.visit_seq(Elements {
                before,
                then: Some(then),
            }),
            Ok(_) => Err(Error::custom("another path")),
            Err(noted) => noted,
        }
    }

    fn entries<'de, V: Visitor<'de>>(self, ask: Ask, visitor: V) -> Result<V::Value, Error> {
        let (key, is_field, then) = match self.step(ask) {
            Ok((Step::Field(key), then)) => (*key, true, then),
            Ok((Step::Value, then)) => ("key", false, then),
            Ok(_) => return Err(Error::custom("another path")),
            Err(noted) => return noted,
        };
        visitor.visit_map(Entry {
            key,
            is_field,
            then: Some(then),
        })
    }
}

macro_rules! note {
    ($($method:ident($($argument:ident: $type:ty),*) => $ask:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* _: V) -> Result<V::Value, Error> {
            self.note($ask)
        }
    )*};
}

macro_rules! note_integers {
    ($($method:ident $type:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            #[allow(
                clippy::cast_lossless,
                clippy::cast_possible_wrap,
                clippy::cast_sign_loss,
                reason = "no value is larger, and the macro writes this for all types"
            )]
            let (min, max) = ($type::MIN as i128, $type::MAX as u128);
            self.note(Ask::Integer { min, max })
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    note! {
        deserialize_any() => Ask::Any { ignored: false };
        deserialize_ignored_any() => Ask::Any { ignored: true };
        deserialize_bool() => Ask::Bool;
        deserialize_f32() => Ask::Float { narrow: true };
        deserialize_f64() => Ask::Float { narrow: false };
        deserialize_char() => Ask::Char;
        deserialize_str() => Ask::Text;
        deserialize_string() => Ask::Text;
        deserialize_unit() => Ask::Null;
        deserialize_unit_struct(_name: &'static str) => Ask::Null;
        deserialize_bytes() => Ask::Other("it reads bytes");
        deserialize_byte_buf() => Ask::Other("it reads bytes");
        deserialize_identifier() => Ask::Other("it is tagged in another way");
    }

    note_integers! {
        deserialize_i8 i8 deserialize_i16 i16 deserialize_i32 i32 deserialize_i64 i64
        deserialize_i128 i128
        deserialize_u8 u8 deserialize_u16 u16 deserialize_u32 u32 deserialize_u64 u64
        deserialize_u128 u128
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.step(Ask::Option) {
            Ok((Step::Some, then)) => visitor.visit_some(then),
            Ok(_) => Err(Error::custom("another path")),
            Err(noted) => noted,
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.elements(Ask::List, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.elements(Ask::Tuple(len), visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.elements(Ask::Tuple(len), visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.entries(Ask::Map, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.entries(Ask::Struct(type_name::<V>(), fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.step(Ask::Enum(type_name::<V>(), variants)) {
            Ok((Step::Variant(name), then)) => visitor.visit_enum(Chosen { name, then }),
            Ok(_) => Err(Error::custom("another path")),
            Err(noted) => noted,
        }
    }
}

/// The elements before the one that the path leads to, and that one.
struct Elements<'t> {
    before: &'t [String],
    then: Option<Tracer<'t>>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        if let Some((first, rest)) = self.before.split_first() {
            self.before = rest;
            let value: serde_json::Value = serde_json::from_str(first)?;
            return seed.deserialize(value).map(Some);
        }
        let then = self.then.take();
        then.map(|then| seed.deserialize(then)).transpose()
    }
}

/// The only entry of a map or a struct.
struct Entry<'t> {
    key: &'static str,
    is_field: bool,
    then: Option<Tracer<'t>>,
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(then) = &mut self.then else {
            return Ok(None);
        };
        let key = Name {
            text: self.key,
            is_identifier: self.is_field,
            found: then.found,
        };
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let then = self.then.take();
        seed.deserialize(then.ok_or_else(|| Error::custom("no value"))?)
    }
}

/// The variant of an enum that the path leads to.
struct Chosen<'t> {
    name: &'static str,
    then: Tracer<'t>,
}

impl<'de, 't> EnumAccess<'de> for Chosen<'t> {
    type Error = Error;
    type Variant = Tracer<'t>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Tracer<'t>), Error> {
        let name = Name {
            text: self.name,
            is_identifier: true,
            found: &mut *self.then.found,
        };
        let value = seed.deserialize(name)?;
        Ok((value, self.then))
    }
}

impl<'de> VariantAccess<'de> for Tracer<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.note(Ask::Unit)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.elements(Ask::Tuple(len), visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.entries(Ask::Struct(type_name::<V>(), fields), visitor)
    }
}

/// A key or the name of a variant. What reads it must not ask for anything else.
struct Name<'t> {
    text: &'static str,
    is_identifier: bool,
    found: &'t mut Option<Ask>,
}

impl<'de> Deserializer<'de> for Name<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        *self.found = Some(Ask::Other("the keys of its map are no strings"));
        Err(Error::custom("noted"))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_identifier {
            return visitor.visit_str(self.text);
        }
        *self.found = Some(Ask::Other("it has a flattened field"));
        Err(Error::custom("noted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum ignored_any
    }
}
