//! The event that the tests of the wire format decode.

use cache_runtime::InvalidationEvent;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An event with every kind of field, and with unusual names.
#[derive(Debug, Clone, PartialEq, InvalidationEvent)]
#[invalidation(tag = "event type")]
pub(crate) enum Event {
    Text {
        text: String,
        #[invalidation(non_empty)]
        name: String,
    },
    Numbers {
        tiny: u8,
        small: i16,
        signed: i64,
        size: usize,
        on: bool,
    },
    Ids {
        id: Uuid,
        alias: Alias,
        #[invalidation(non_empty)]
        ids: Vec<Uuid>,
    },
    #[invalidation(rename = "nested \"value\"")]
    Nested {
        #[invalidation(rename = "ö\\/")]
        outer: Outer,
    },
    All,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alias(pub(crate) String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outer {
    pub(crate) some_name: String,
    pub(crate) level: Level,
    pub(crate) inner: Vec<Inner>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Inner {
    pub(crate) a: i32,
    pub(crate) b: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Level {
    Low,
    High { by: u8 },
}
