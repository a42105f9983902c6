//! What other instances say of their caches.
//!
//! Each writes a record into the key-value store of the bus when it audits, and reads those of the
//! others. A record is that of a process: caches in memory belong to no bus.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tracing::warn;

use super::report::{Audit, Kind};
use super::table::Length;
use super::{Described, channels, described, rows};
use crate::bus::Bus;
use crate::health::Cause;
use crate::keyspace::Keyspace;
use crate::transport::Found;

/// How long an instance that has audited is seen by others: 1 h.
pub const RECORD_TTL: Duration = Duration::from_secs(60 * 60);

/// What the keys of all records begin with.
const PREFIX: &str = "cache-runtime:audit:";
/// More instances are not asked.
const MOST: usize = 1024;

/// Random, and new with every start.
static PROCESS: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", RandomState::new().hash_one(0)));

impl Bus {
    /// As [`audit()`](crate::audit()), and what other instances have to do with it: their TTL caches
    /// of the same names, and the events that evict something there.
    ///
    /// Each call writes this instance's names under `cache-runtime:audit:` and reads those of the
    /// others, so instances see each other once each has audited, and for
    /// [`RECORD_TTL`](crate::audit::RECORD_TTL) from then on, whether or not they still run. It
    /// looks at all keys of the server to find them: it is for people, not for every minute. Access
    /// rules have to allow `~cache-runtime:audit:* +set +get +pttl +scan`.
    ///
    /// Clones of an in-process bus are of one process, whose caches are listed in any case.
    ///
    /// # Errors
    ///
    /// When Redis is away, does not answer in time or forbids it, or the bus is closed.
    /// [`audit()`](crate::audit()) does without.
    ///
    /// # Cancel safety
    ///
    /// Safe: at most, others see this instance.
    pub async fn audit(&self) -> Result<Audit, AuditError> {
        let peers = self.peers().await.map_err(|cause| AuditError { cause })?;
        Ok(rows::assemble(described(), &channels::uses(), &peers))
    }

    async fn peers(&self) -> Result<Vec<Peer>, Cause> {
        let kv = Keyspace::new(self);
        let own = format!("{PREFIX}{}", *PROCESS);
        #[cfg(feature = "redis")]
        let instance = &self.shared().settings().name;
        // No other process is there to read it.
        #[cfg(not(feature = "redis"))]
        let instance = "";
        let record = record(instance, &described());
        kv.set(&own, record.as_bytes(), RECORD_TTL).await?;
        let mut peers = Vec::new();
        for key in kv.keys(PREFIX, MOST).await? {
            if key == own {
                continue;
            }
            let peer = match kv.get_with_ttl(&key).await {
                Ok(Some(found)) => Peer::read(&found),
                // It has expired meanwhile.
                Ok(None) => continue,
                // It is no string.
                Err(Cause::Server(_)) => None,
                Err(cause) => return Err(cause),
            };
            if peer.is_none() {
                warn!(key, "another instance's record is not understood");
            }
            peers.extend(peer);
        }
        Ok(peers)
    }
}

/// What this instance writes.
fn record(instance: &str, caches: &[Described]) -> String {
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
    /// Whoever may write into Redis may have written it.
    pub(super) fn read(found: &Found) -> Option<Self> {
        let record: Value = serde_json::from_slice(&found.value).ok()?;
        let string = |value: &Value| Some(value.as_str()?.to_owned());
        let strings = |value: &Value| {
            let strings = value.as_array()?.iter().map(string);
            strings.collect::<Option<Vec<String>>>()
        };
        let evicts = record["evicts"].as_object()?.iter();
        Some(Self {
            instance: string(&record["instance"])?.escape_debug().to_string(),
            // Hosts' clocks are not compared: how much longer it lives says how old it is.
            age: RECORD_TTL.saturating_sub(found.ttl.unwrap_or(RECORD_TTL)),
            ttl_caches: strings(&record["ttlCaches"])?,
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

/// Other instances could not be asked for their caches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditError {
    cause: Cause,
}

impl AuditError {
    /// What stands in the way.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = &self.cause;
        write!(
            f,
            "other instances could not be asked for their caches: {cause}"
        )
    }
}

impl std::error::Error for AuditError {}
