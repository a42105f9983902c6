//! The record that an instance leaves for others when it audits.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::enrolled::Described;
use super::report::Kind;
use super::table::Length;
use crate::transport::Record;

/// How long others see an instance that has audited: 1 h.
pub const RECORD_TTL: Duration = Duration::from_secs(60 * 60);

/// The record of this instance.
pub(super) fn record(instance: &str, caches: &[Described]) -> String {
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
    json!({ "instance": instance, "ttlCaches": ttl, "evicts": evicts }).to_string()
}

/// Another instance, as it was when it last audited.
pub(super) struct Peer {
    instance: String,
    age: Duration,
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
        Some(Self {
            instance: string(&content["instance"])?.escape_debug().to_string(),
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
