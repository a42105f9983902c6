//! A slow decoder with the same rules: through `serde_json::Value`, with a check for duplicate
//! keys.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::event::{Alias, Event, Inner, Level, Outer};

pub(crate) type Outcome<T> = Result<T, String>;

const TAG: &str = "event type";

pub(super) fn decode(payload: &[u8]) -> Outcome<Event> {
    if payload.len() > 64 * 1024 {
        return Err("too large".to_owned());
    }
    let text = str::from_utf8(payload).map_err(|error| error.to_string())?;
    let Unique(root) = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut members = Members(object(root)?);
    let tag = string(members.take(TAG)?)?;
    let event = match tag.as_str() {
        "text" => Event::Text {
            text: string(members.take("text")?)?,
            name: Some(string(members.take("name")?)?)
                .filter(|name| !name.is_empty())
                .ok_or("empty name")?,
        },
        "numbers" => Event::Numbers {
            tiny: unsigned(&members.take("tiny")?)?,
            small: signed(&members.take("small")?)?,
            signed: signed(&members.take("signed")?)?,
            size: unsigned(&members.take("size")?)?,
            on: members.take("on")?.as_bool().ok_or("no bool")?,
        },
        "ids" => Event::Ids {
            id: uuid(members.take("id")?)?,
            alias: Alias(string(members.take("alias")?)?),
            ids: Some(array(members.take("ids")?)?)
                .filter(|ids| !ids.is_empty())
                .ok_or("empty ids")?
                .into_iter()
                .map(uuid)
                .collect::<Outcome<_>>()?,
        },
        "nested \"value\"" => Event::Nested {
            outer: outer(members.take("ö\\/")?)?,
        },
        "all" => Event::All,
        other => return Err(format!("unknown type {other}")),
    };
    match members.0.keys().next() {
        Some(extra) => Err(format!("extra key {extra}")),
        None => Ok(event),
    }
}

/// Nested objects may have unknown keys.
fn outer(value: Value) -> Outcome<Outer> {
    let mut members = Members(object(value)?);
    Ok(Outer {
        some_name: string(members.take("someName")?)?,
        level: level(members.take("level")?)?,
        inner: array(members.take("inner")?)?
            .into_iter()
            .map(inner)
            .collect::<Outcome<_>>()?,
    })
}

fn level(value: Value) -> Outcome<Level> {
    if let Value::String(name) = value {
        return if name == "Low" {
            Ok(Level::Low)
        } else {
            Err(name)
        };
    }
    let members = object(value)?;
    match members.iter().collect::<Vec<_>>()[..] {
        // serde's other spelling of a unit variant
        [(name, Value::Null)] if name == "Low" => Ok(Level::Low),
        [(name, high)] if name == "High" => Ok(Level::High {
            by: unsigned(&Members(object(high.clone())?).take("by")?)?,
        }),
        _ => Err("no level".to_owned()),
    }
}

fn inner(value: Value) -> Outcome<Inner> {
    let mut members = Members(object(value)?);
    Ok(Inner {
        a: signed(&members.take("a")?)?,
        b: match members.0.remove("b") {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.as_bool().ok_or("no bool")?),
        },
    })
}

struct Members(Map<String, Value>);

impl Members {
    fn take(&mut self, key: &str) -> Outcome<Value> {
        self.0
            .remove(key)
            .ok_or_else(|| format!("missing key {key}"))
    }
}

fn object(value: Value) -> Outcome<Map<String, Value>> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(format!("no object: {other}")),
    }
}

fn array(value: Value) -> Outcome<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("no array: {other}")),
    }
}

fn string(value: Value) -> Outcome<String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("no string: {other}")),
    }
}

fn unsigned<T: TryFrom<u64>>(value: &Value) -> Outcome<T> {
    let number = value.as_u64().and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("no such integer: {value}"))
}

fn signed<T: TryFrom<i64>>(value: &Value) -> Outcome<T> {
    let number = value.as_i64().and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("no such integer: {value}"))
}

fn uuid(value: Value) -> Outcome<Uuid> {
    string(value)?
        .parse()
        .map_err(|error: uuid::Error| error.to_string())
}

/// A value without duplicate keys in any object.
pub(crate) struct Unique(pub(crate) Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Unique)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut seen = HashSet::new();
        let mut object = Map::new();
        while let Some((key, Unique(value))) = entries.next_entry::<String, _>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format!("duplicate key {key}")));
            }
            object.insert(key, value);
        }
        Ok(object.into())
    }
}
