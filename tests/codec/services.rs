//! The events of eleven services, and a slow decoder for them, by serde.

#[path = "../../examples/events/mod.rs"]
mod events;

use std::fmt::Debug;

use cache_runtime::InvalidationEvent;
use serde_json::Value;

use crate::agreement;
use crate::reference::{Outcome, Unique};

pub(crate) use events::UserEvent;
use events::{
    ApiKeyEvent, ChannelActivationEvent, ConfigCascadeEvent, DenylistEvent, LlmConfigEvent,
    PersonaEvent, PersonalityEvent, SttResolverEvent, SystemSettingsEvent, TtsConfigEvent,
};

/// Checks a payload as an event of each service.
pub(crate) fn agree(payload: &[u8]) {
    let root = root(payload);
    one::<ApiKeyEvent>(payload, &root);
    one::<ChannelActivationEvent>(payload, &root);
    one::<ConfigCascadeEvent>(payload, &root);
    one::<DenylistEvent>(payload, &root);
    one::<LlmConfigEvent>(payload, &root);
    one::<PersonaEvent>(payload, &root);
    one::<PersonalityEvent>(payload, &root);
    one::<SttResolverEvent>(payload, &root);
    one::<SystemSettingsEvent>(payload, &root);
    one::<TtsConfigEvent>(payload, &root);
    one::<UserEvent>(payload, &root);
}

fn one<E: InvalidationEvent + Debug + PartialEq>(payload: &[u8], root: &Outcome<Value>) {
    agreement::agree(payload, root.clone().and_then(|root| decode::<E>(&root)));
}

/// The value of a payload that has no duplicate keys.
pub(crate) fn root(payload: &[u8]) -> Outcome<Value> {
    if payload.len() > 64 * 1024 {
        return Err("too large".to_owned());
    }
    let text = str::from_utf8(payload).map_err(|error| error.to_string())?;
    let Unique(root) = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(root)
}

/// Goes by the schema: exactly the keys of the variant, each with a value of its type. Such a value,
/// spelled by `serde_json`, is certain to be decoded to the event.
pub(crate) fn decode<E: InvalidationEvent>(root: &Value) -> Outcome<E> {
    let object = root.as_object().ok_or("no object")?;
    let tag = object.get(E::SCHEMA.tag()).and_then(Value::as_str);
    let mut variants = E::SCHEMA.variants().iter();
    let variant = variants
        .find(|variant| Some(variant.wire()) == tag)
        .ok_or("no such type")?;
    let fields = variant.fields();
    if object.len() != fields.len() + 1 {
        return Err("other keys".to_owned());
    }
    for field in fields {
        let value = object.get(field.wire()).ok_or("a missing key")?;
        let fits = match field.wire() {
            "entry" => is_entry(value),
            "keys" => is_list(value),
            _ => value.is_string(),
        };
        if !fits {
            return Err(format!("another type: {value}"));
        }
    }
    let canonical = root.to_string();
    E::decode_within(canonical.as_bytes(), usize::MAX).map_err(|_| panic!("rejected: {canonical}"))
}

fn is_entry(value: &Value) -> bool {
    let keys = ["type", "discordId", "scope", "scopeId", "mode"];
    keys.iter().all(|key| value[key].is_string())
}

fn is_list(value: &Value) -> bool {
    let items = value.as_array().filter(|items| !items.is_empty());
    items.is_some_and(|items| items.iter().all(Value::is_string))
}
