//! A digest of a value as serde sees it. It tells whether a value that was read back is the one that
//! was written: also where a format writes two different values alike.

use std::cell::Cell;
use std::fmt::{self, Display};
use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use serde::ser::{self, Serialize, Serializer};

/// The most calls that may be nested in each other. No reader of JSON follows as deep, and a value
/// that is much deeper would overflow the stack.
const DEPTH: usize = 512;

/// The digest of a value, and what may have changed it in JSON.
pub(super) struct Digest {
    pub(super) number: u64,
    /// Whether it holds a number that is infinite or no number.
    pub(super) non_finite: bool,
}

/// The digest of a value. The order of what is in a map or a sequence does not count, because that
/// of a hash map or set differs from one to the next.
pub(super) fn digest<T: Serialize + ?Sized>(value: &T) -> Result<Digest, Unsayable> {
    let non_finite = Cell::new(false);
    let number = value.serialize(Digester {
        depth: 0,
        non_finite: &non_finite,
    })?;
    Ok(Digest {
        number,
        non_finite: non_finite.get(),
    })
}

/// Why a value has no digest: its `Serialize` fails, or it is nested too deeply.
#[derive(Debug)]
pub(super) struct Unsayable(Box<str>);

impl Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsayable {}

impl ser::Error for Unsayable {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}

/// What a value is, so that `1` differs from `Some(1)`.
#[derive(Hash, Clone, Copy)]
enum Kind {
    Bool,
    Unsigned(u8),
    Signed(u8),
    Float(usize),
    Char,
    Text,
    Bytes,
    Nothing,
    Some,
    Unit,
    Variant,
    Sequence,
    Tuple,
    Map,
}

fn hash(kind: Kind, content: impl Hash) -> u64 {
    FixedState::default().hash_one((kind, content))
}

#[derive(Clone, Copy)]
struct Digester<'a> {
    depth: usize,
    non_finite: &'a Cell<bool>,
}

impl<'a> Digester<'a> {
    /// The digester of what is in the present value.
    fn within(self) -> Result<Self, Unsayable> {
        let depth = self.depth + 1;
        if depth > DEPTH {
            return Err(Unsayable("it is nested too deeply".into()));
        }
        Ok(Self { depth, ..self })
    }

    fn parts(self, kind: Kind, variant: Option<u32>) -> Result<Parts<'a>, Unsayable> {
        Ok(Parts {
            kind,
            variant,
            within: self.within()?,
            sum: 0,
            count: 0,
            key: 0,
        })
    }
}

macro_rules! numbers {
    ($($method:ident: $type:ty => $kind:expr,)*) => {
        $(fn $method(self, value: $type) -> Result<u64, Unsayable> {
            Ok(hash($kind, value))
        })*
    };
}

macro_rules! floats {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, value: $type) -> Result<u64, Unsayable> {
            if !value.is_finite() {
                self.non_finite.set(true);
            }
            // All that are no number are the same.
            let value = if value.is_nan() { <$type>::NAN } else { value };
            Ok(hash(Kind::Float(size_of::<$type>()), value.to_bits()))
        })*
    };
}

impl<'a> Serializer for Digester<'a> {
    type Ok = u64;
    type Error = Unsayable;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    numbers! {
        serialize_bool: bool => Kind::Bool,
        serialize_i8: i8 => Kind::Signed(1),
        serialize_i16: i16 => Kind::Signed(2),
        serialize_i32: i32 => Kind::Signed(4),
        serialize_i64: i64 => Kind::Signed(8),
        serialize_i128: i128 => Kind::Signed(16),
        serialize_u8: u8 => Kind::Unsigned(1),
        serialize_u16: u16 => Kind::Unsigned(2),
        serialize_u32: u32 => Kind::Unsigned(4),
        serialize_u64: u64 => Kind::Unsigned(8),
        serialize_u128: u128 => Kind::Unsigned(16),
        serialize_char: char => Kind::Char,
        serialize_str: &str => Kind::Text,
        serialize_bytes: &[u8] => Kind::Bytes,
    }

    floats! {
        serialize_f32: f32,
        serialize_f64: f64,
    }

    fn serialize_none(self) -> Result<u64, Unsayable> {
        Ok(hash(Kind::Nothing, ()))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u64, Unsayable> {
        Ok(hash(Kind::Some, value.serialize(self.within()?)?))
    }

    fn serialize_unit(self) -> Result<u64, Unsayable> {
        Ok(hash(Kind::Unit, ()))
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<u64, Unsayable> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
    ) -> Result<u64, Unsayable> {
        Ok(hash(Kind::Variant, index))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<u64, Unsayable> {
        value.serialize(self.within()?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<u64, Unsayable> {
        let value = value.serialize(self.within()?)?;
        Ok(hash(Kind::Variant, (index, value)))
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Parts<'a>, Unsayable> {
        self.parts(Kind::Sequence, None)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Parts<'a>, Unsayable> {
        self.parts(Kind::Tuple, None)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Parts<'a>, Unsayable> {
        self.parts(Kind::Tuple, None)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Parts<'a>, Unsayable> {
        self.parts(Kind::Tuple, Some(index))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Parts<'a>, Unsayable> {
        self.parts(Kind::Map, None)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Parts<'a>, Unsayable> {
        self.parts(Kind::Map, None)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Parts<'a>, Unsayable> {
        self.parts(Kind::Map, Some(index))
    }
}

/// The parts of a value.
struct Parts<'a> {
    kind: Kind,
    variant: Option<u32>,
    within: Digester<'a>,
    sum: u64,
    count: u64,
    /// The digest of the latest key.
    key: u64,
}

impl Parts<'_> {
    /// Adds a part with its name. Parts of one name may change places.
    fn add<T: Serialize + ?Sized>(&mut self, name: impl Hash, part: &T) -> Result<(), Unsayable> {
        let part = part.serialize(self.within)?;
        self.sum = self.sum.wrapping_add(hash(self.kind, (name, part)));
        self.count += 1;
        Ok(())
    }

    fn ended(&self) -> u64 {
        hash(self.kind, (self.variant, self.count, self.sum))
    }
}

impl ser::SerializeMap for Parts<'_> {
    type Ok = u64;
    type Error = Unsayable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unsayable> {
        self.key = key.serialize(self.within)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), Unsayable> {
        self.add(self.key, part)
    }

    fn end(self) -> Result<u64, Unsayable> {
        Ok(self.ended())
    }
}

/// Parts without a name of their own. Those of a sequence may change places.
macro_rules! unnamed {
    ($($trait:ident::$method:ident($name:expr),)*) => {
        $(impl ser::$trait for Parts<'_> {
            type Ok = u64;
            type Error = Unsayable;

            fn $method<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), Unsayable> {
                let name = $name(&*self);
                self.add(name, part)
            }

            fn end(self) -> Result<u64, Unsayable> {
                Ok(self.ended())
            }
        })*
    };
}

fn place(parts: &Parts<'_>) -> u64 {
    parts.count
}

unnamed! {
    SerializeSeq::serialize_element(|_| ()),
    SerializeTuple::serialize_element(place),
    SerializeTupleStruct::serialize_field(place),
    SerializeTupleVariant::serialize_field(place),
}

/// Parts that have a name.
macro_rules! structs {
    ($($trait:ident,)*) => {
        $(impl ser::$trait for Parts<'_> {
            type Ok = u64;
            type Error = Unsayable;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                part: &T,
            ) -> Result<(), Unsayable> {
                self.add(name, part)
            }

            fn end(self) -> Result<u64, Unsayable> {
                Ok(self.ended())
            }
        })*
    };
}

structs! {
    SerializeStruct,
    SerializeStructVariant,
}
