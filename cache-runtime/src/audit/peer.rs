//! The record that an instance leaves for others when it audits.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::enrolled::Described;
use super::report::Kind;
use super::schemas::Schemas;
use super::table::Length;
use crate::transport::Record;

/// How long others see an instance that has audited: 1 h.
pub const RECORD_TTL: Duration = Duration::from_secs(60 * 60);

/// The record of this instance.
pub(super) fn record(instance: &str, caches: &[Described], schemas: &Schemas) -> String {
    let ttl = caches.iter().filter(|cache| cache.kind == Kind::Ttl);
    let mut ttl: Vec<&str> = ttl.map(|cache| &*cache.name).collect();
    ttl.sort_unstable();
    ttl.dedup();
    let mut evicts = Map::new();
    for source in caches.iter().flat_map(|cache| &cache.evicted_by) {
        let events = evicts.entry(&*source.channel).or_insert_with(|| json!([]));
        let Value::Array(events) = events else {
            continue;
        };
        for event in source.events.iter().filter(|event| event.evicted > 0) {
            if !events.iter().any(|known| known == event.event) {
                events.push(event.event.into());
            }
        }
    }
    let kinds = caches
        .iter()
        .map(|cache| json!([*cache.name, cache.kind.as_str()]));
    json!({
        "instance": instance,
        "version": env!("CARGO_PKG_VERSION"),
        "ttlCaches": ttl,
        "evicts": evicts,
        "caches": kinds.collect::<Vec<_>>(),
        "schemas": schemas,
    })
    .to_string()
}

/// Another instance, as it was when it last audited.
pub(crate) struct Peer {
    pub(crate) instance: String,
    pub(crate) age: Duration,
    /// The version of this library; `None` if the record does not say it.
    #[cfg(feature = "doctor")]
    pub(crate) version: Option<String>,
    /// Its caches, each with its kind.
    #[cfg(feature = "doctor")]
    pub(crate) caches: Vec<(String, String)>,
    /// The fingerprint of the events of each channel, if it knows them.
    pub(crate) schemas: Schemas,
    ttl_caches: Vec<String>,
    /// The events that evict something there, by channel.
    evicts: Vec<(String, Vec<String>)>,
}

impl Peer {
    /// Reads a record; `None` if it is rejected: anything that may write into Redis may have
    /// written it.
    pub(super) fn read(record: &Record) -> Option<Self> {
        let content: Value = serde_json::from_slice(&record.content).ok()?;
        let string = |value: &Value| Some(value.as_str()?.to_owned());
        let strings = |value: &Value| {
            let strings = value.as_array()?.iter().map(string);
            strings.collect::<Option<Vec<String>>>()
        };
        let evicts = content["evicts"].as_object()?.iter();
        // Earlier versions leave out what follows.
        let schemas = content["schemas"].as_object().into_iter().flatten();
        Some(Self {
            instance: shown(&content["instance"])?,
            #[cfg(feature = "doctor")]
            version: shown(&content["version"]),
            #[cfg(feature = "doctor")]
            caches: caches(&content["caches"])?,
            schemas: schemas
                .map(|(channel, schema)| Some((channel.clone(), shown(schema)?)))
                .collect::<Option<_>>()?,
            age: record.age,
            ttl_caches: strings(&content["ttlCaches"])?,
            evicts: evicts
                .map(|(channel, events)| Some((channel.clone(), strings(events)?)))
                .collect::<Option<Vec<_>>>()?,
        })
    }

    pub(super) fn has_ttl_cache(&self, name: &str) -> bool {
        self.ttl_caches.iter().any(|cache| cache == name)
    }

    pub(super) fn evicts_on(&self, channel: &str, event: &str) -> bool {
        let here = self.evicts.iter().filter(|(name, _)| name == channel);
        here.flat_map(|(_, events)| events)
            .any(|name| name == event)
    }
}

/// A string that was written by others.
fn shown(value: &Value) -> Option<String> {
    Some(value.as_str()?.escape_debug().to_string())
}

/// Pairs of a name and a kind; none from an earlier version.
#[cfg(feature = "doctor")]
fn caches(value: &Value) -> Option<Vec<(String, String)>> {
    let caches = value.as_array().into_iter().flatten();
    caches
        .map(|cache| Some((shown(&cache[0])?, shown(&cache[1])?)))
        .collect()
}

/// `` `bot-7` (3 min ago) ``
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (", self.instance)?;
        match self.age.as_secs() / 60 {
            0 => f.write_str("just now)"),
            minutes => write!(f, "{} ago)", Length(Duration::from_secs(minutes * 60))),
        }
    }
}
