//! Audits of described caches and channels.

mod flags;
mod rows;
mod table;

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::channels::{Channel, Use};
use super::peer::Peer;
use super::report::{Bound, Kind, State};
use super::rows::assemble;
use super::source::Seen;
use super::{Audit, Described, Evicts};
use crate::channel::ChannelStats;
use crate::health::Health;
use crate::place::Place;
use crate::transport::Record;
use crate::wire::{EventSchema, VariantSchema};

const MINUTE: Duration = Duration::from_secs(60);

static SCHEMA: EventSchema = EventSchema::new(
    "UserEvent",
    "type",
    &[
        VariantSchema::new("User", "user", r#"{"type":"user""#, &[]),
        VariantSchema::new("Renamed", "renamed", r#"{"type":"renamed""#, &[]),
        VariantSchema::new("All", "all", r#"{"type":"all""#, &[]),
    ],
    2,
);

/// A cache of a minute's TTL that nothing has been done with.
#[track_caller]
fn cache(name: &str, kind: Kind) -> Described {
    Described {
        name: name.into(),
        kind,
        place: Location::caller(),
        ttl: Some(MINUTE),
        bound: Bound::Entries(1000),
        entries: Some(0),
        hits: 0,
        misses: 0,
        evictions: None,
        reloads: None,
        evicted_by: Vec::new(),
        state: State::Local,
        bus: None,
    }
}

/// A coherent cache on bus 1. For each event: how often it was applied, and how often it evicted
/// something.
#[track_caller]
fn coherent(name: &str, channel: &str, health: &Health, events: [(u64, u64); 3]) -> Described {
    let evicts = SCHEMA.variants().iter().zip(events);
    let seen = Seen {
        channel: channel.into(),
        events: evicts
            .map(|(variant, (applied, evicted))| Evicts {
                event: variant.wire(),
                applied,
                evicted,
            })
            .collect(),
        stats: stats(events.iter().map(|(applied, _)| applied).sum(), 0),
        health: health.clone(),
    };
    Described {
        state: State::of(health, false),
        evicted_by: vec![seen],
        bus: Some(1),
        ..cache(name, Kind::Coherent)
    }
}

fn stats(received: u64, published: u64) -> ChannelStats {
    ChannelStats {
        received,
        published,
        ..ChannelStats::default()
    }
}

/// A channel with its use on each bus, from bus 1 on.
fn channel(name: &str, uses: impl IntoIterator<Item = (Health, ChannelStats, usize)>) -> Channel {
    Channel {
        service: "bot::Users",
        schema: &SCHEMA,
        place: Place {
            file: "src/services.rs",
            line: 7,
        },
        declared: "cache:users",
        fingerprint: Some("here"),
        name: name.to_owned(),
        uses: (1..)
            .zip(uses)
            .map(|(bus, (health, stats, subscribers))| Use {
                bus,
                health,
                stats,
                subscribers,
                stuck: None,
            })
            .collect(),
    }
}

/// Another instance, which audited three and a half minutes ago.
fn peer(record: &str) -> Option<Peer> {
    Peer::read(&Record {
        process: "1".to_owned(),
        age: MINUTE * 7 / 2,
        content: record.as_bytes().to_vec(),
    })
}

fn audit(caches: Vec<Described>, channels: &[Channel]) -> Audit {
    assemble(caches, channels, &[])
}

#[track_caller]
fn flags(audit: &Audit) -> Vec<String> {
    audit.flags().map(ToString::to_string).collect()
}

fn lost() -> Health {
    Health::Down(crate::health::Cause::Unreachable(Arc::from("refused")))
}
