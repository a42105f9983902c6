//! An audit as JSON.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::report::{Audit, Bound, EvictedBy, Flag, Row, Traffic};

impl Audit {
    /// The audit as JSON: an object with `rows`, each with what a [`Row`] holds and its `flags`.
    /// Keys are in camel case, times in milliseconds; what there is none of is `null`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::Cooldown;
    ///
    /// let notified = Cooldown::<u64>::new(Duration::from_secs(60 * 60));
    /// let json = cache_runtime::audit().to_json();
    /// # let json = json.to_string();
    /// assert!(json.contains(r#""kind":"cooldown""#));
    /// assert!(json.contains(r#""ttlMs":3600000"#));
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        self.value().to_string()
    }

    fn value(&self) -> Value {
        json!({ "rows": self.rows.iter().map(row).collect::<Vec<_>>() })
    }
}

/// As [`to_json`](Audit::to_json) writes it.
impl Serialize for Audit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

fn row(row: &Row) -> Value {
    json!({
        "name": row.name,
        "kind": row.kind.as_str(),
        "file": row.place.file,
        "line": row.place.line,
        "ttlMs": row.ttl.map(millis),
        "bound": bound(row.bound),
        "entries": row.entries,
        "hits": row.hits,
        "misses": row.misses,
        "hitRatio": row.hit_ratio(),
        "evictedBy": row.evicted_by.iter().map(evicted_by).collect::<Vec<_>>(),
        "risk": row.risk.as_str(),
        "why": row.why,
        "state": row.state.as_str(),
        "reason": row.state.reason(),
        "channel": row.channel.as_ref().map(traffic),
        "flags": row.flags.iter().map(flag).collect::<Vec<_>>(),
    })
}

fn bound(bound: Bound) -> Value {
    match bound {
        Bound::Entries(entries) => json!({ "entries": entries }),
        Bound::Weight(weight) => json!({ "weight": weight }),
        Bound::Ttl => json!("ttl"),
        Bound::None => Value::Null,
    }
}

fn evicted_by(source: &EvictedBy) -> Value {
    let events = source.events.iter().map(|evicts| {
        json!({
            "event": evicts.event,
            "applied": evicts.applied,
            "evicted": evicts.evicted,
        })
    });
    json!({ "channel": source.channel, "events": events.collect::<Vec<_>>() })
}

fn traffic(traffic: &Traffic) -> Value {
    let stats = &traffic.stats;
    json!({
        "service": traffic.service,
        "events": traffic.events,
        "all": traffic.all,
        "caches": traffic.caches,
        "subscribers": traffic.subscribers,
        "received": stats.received,
        "rejected": stats.rejected,
        "published": stats.published,
        "publishFailures": stats.publish_failures,
        "flushes": stats.flushes,
        "overflows": stats.overflows,
        "panics": stats.panics,
    })
}

fn flag(flag: &Flag) -> Value {
    json!({
        "about": flag.about,
        "risk": flag.risk.as_str(),
        "text": flag.text,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
