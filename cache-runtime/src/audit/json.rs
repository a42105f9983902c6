//! An audit as JSON.

use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::reloads::Reloads;
use super::report::{Audit, Bound, EvictedBy, Flag, Row, Traffic};
use super::source::Evicts;
use crate::counters::Evictions;

impl Audit {
    /// The audit as JSON: an object with `rows`, each with what a [`Row`] holds and its `flags`.
    /// Keys are in camel case and times in milliseconds. What does not apply is `null`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::Cooldown;
    ///
    /// # fn main() -> Result<(), cache_runtime::BuildError> {
    /// let notified = Cooldown::<u64>::builder("notified", Duration::from_secs(60 * 60)).build()?;
    /// let json = cache_runtime::audit().to_json();
    /// assert!(json.contains(r#""kind":"cooldown""#));
    /// assert!(json.contains(r#""ttlMs":3600000"#));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "it has no key that is not a string"
    )]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an audit is JSON")
    }
}

/// Serializes a type as an object, by hand: `derive` would make every user compile `serde_derive`.
macro_rules! object {
    ($type:ident as $value:ident { $($key:literal: $member:expr,)* }) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                let keys = [$($key),*].len();
                let mut object = serializer.serialize_struct(stringify!($type), keys)?;
                $(object.serialize_field($key, &$member)?;)*
                object.end()
            }
        }
    };
}

object! { Audit as audit {
    "rows": audit.rows,
} }

object! { Row as row {
    "name": row.name,
    "kind": row.kind.as_str(),
    "file": row.place.file,
    "line": row.place.line,
    "ttlMs": row.ttl.map(millis),
    "bound": row.bound,
    "entries": row.entries,
    "hits": row.hits,
    "misses": row.misses,
    "hitRatio": row.hit_ratio(),
    "evictions": row.evictions,
    "evictedBy": row.evicted_by,
    "risk": row.risk.as_str(),
    "why": row.why,
    "state": row.state.as_str(),
    "reason": row.state.reason(),
    "reloads": row.reloads,
    "channel": row.channel,
    "flags": row.flags,
} }

object! { Reloads as reloads {
    "lastSuccessMs": reloads.last_success.map(millis),
    "failures": reloads.failures,
    "failingForMs": reloads.failing_for.map(millis),
    "error": reloads.error,
} }

object! { Evictions as evictions {
    "capacity": evictions.capacity,
    "expired": evictions.expired,
    "event": evictions.event,
    "flush": evictions.flush,
    "removed": evictions.removed,
    "replaced": evictions.replaced,
} }

object! { EvictedBy as source {
    "channel": source.channel,
    "events": source.events,
} }

object! { Evicts as evicts {
    "event": evicts.event,
    "applied": evicts.applied,
    "evicted": evicts.evicted,
} }

object! { Traffic as traffic {
    "service": traffic.service,
    "events": traffic.events,
    "all": traffic.all,
    "caches": traffic.caches,
    "subscribers": traffic.subscribers,
    "received": traffic.stats.received,
    "rejected": traffic.stats.rejected,
    "published": traffic.stats.published,
    "publishFailures": traffic.stats.publish_failures,
    "flushes": traffic.stats.flushes,
    "overflows": traffic.stats.overflows,
    "deferred": traffic.stats.deferred,
    "resent": traffic.stats.resent,
    "collapsed": traffic.stats.collapsed,
    "givenUp": traffic.stats.given_up,
    "inOutbox": traffic.stats.in_outbox(),
    "undecided": traffic.stats.undecided,
    "panics": traffic.stats.panics,
} }

object! { Flag as flag {
    "about": flag.about,
    "risk": flag.risk.as_str(),
    "text": flag.text,
} }

/// `{"entries":100}`, `{"weight":100}`, `"ttl"` or `null`.
impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, limit) = match self {
            Self::Entries(entries) => ("entries", entries),
            Self::Weight(weight) => ("weight", weight),
            Self::Ttl => return serializer.serialize_str("ttl"),
            Self::None => return serializer.serialize_none(),
        };
        let mut object = serializer.serialize_struct("Bound", 1)?;
        object.serialize_field(key, limit)?;
        object.end()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
