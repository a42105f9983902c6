//! The rows of an audit, from what caches and buses report.

use super::channels::Channel;
use super::enrolled::Described;
use super::flags;
use super::peer::Peer;
use super::report::{Audit, Bound, EvictedBy, Kind, Risk, Row, State, Traffic, why};
use super::source::Seen;
use super::table::Length;
use crate::channel::ChannelStats;
use crate::health::Health;
use crate::wire::VariantSchema;

pub(super) fn assemble(mut caches: Vec<Described>, channels: &[Channel], peers: &[Peer]) -> Audit {
    let place = |cache: &Described| (cache.place.file(), cache.place.line());
    caches.sort_by(|a, b| {
        let order = (&a.name, a.kind).cmp(&(&b.name, b.kind));
        order.then_with(|| place(a).cmp(&place(b)))
    });
    let mut rows: Vec<Row> = caches.iter().map(cache).collect();
    rows.extend(
        channels
            .iter()
            .map(|channel| self::channel(channel, &caches)),
    );
    flags::raise(&mut rows, &caches, channels, peers);
    Audit { rows }
}

fn cache(cache: &Described) -> Row {
    let (risk, why) = risk(cache);
    Row {
        name: cache.name.to_string(),
        kind: cache.kind,
        place: cache.place.into(),
        ttl: cache.ttl,
        bound: cache.bound,
        entries: cache.entries,
        hits: cache.hits,
        misses: cache.misses,
        evictions: cache.evictions,
        evicted_by: cache.evicted_by.iter().map(evicted_by).collect(),
        risk,
        why,
        state: cache.state.clone(),
        reloads: cache.reloads.clone(),
        channel: None,
        flags: Vec::new(),
    }
}

fn evicted_by(seen: &Seen) -> EvictedBy {
    EvictedBy {
        channel: seen.channel.to_string(),
        events: seen.events.clone(),
    }
}

/// The risk of a cache, by the table at [`Risk`], and its reason.
fn risk(cache: &Described) -> (Risk, String) {
    if let State::Unproven(_) = cache.state {
        let why = "it is read although events are not proven to arrive, as its builder allows";
        return (Risk::Critical, why.to_owned());
    }
    let (risk, why) = match cache.kind {
        Kind::Snapshot if cache.evicted_by.is_empty() => {
            let poll = cache.ttl.map(Length);
            let poll = poll.map_or_else(|| "its interval".to_owned(), |poll| poll.to_string());
            let why = format!("an instance may be behind another by up to {poll}");
            return (Risk::Minor, why);
        }
        Kind::Snapshot => match cache.state {
            State::Down(_) => (
                Risk::Critical,
                "it is read although what an event asks for could not be loaded",
            ),
            _ => (Risk::None, "after an event, every instance loads it again"),
        },
        Kind::Coherent => (Risk::None, "events evict changed values on every instance"),
        Kind::CoherentRedis => (
            Risk::None,
            "all instances share Redis, and events evict from it",
        ),
        Kind::Redis if cache.entries.is_some() => (
            Risk::Minor,
            "all instances share Redis, but the memory of one may be behind it",
        ),
        Kind::Redis => (Risk::None, "all instances share Redis"),
        Kind::Dedup | Kind::RedisCooldown => (Risk::None, "Redis decides for all instances"),
        Kind::Channel => (Risk::None, CHANNEL),
        Kind::Cooldown => (
            Risk::Minor,
            "local is correct for a limit per instance; n instances allow n times as much",
        ),
        Kind::Ttl => {
            let ttl = cache.ttl.map(Length);
            let ttl = ttl.map_or_else(|| "its TTL".to_owned(), |ttl| ttl.to_string());
            let why = format!("an instance may be behind another by up to {ttl}");
            return (Risk::Minor, why);
        }
    };
    (risk, why.to_owned())
}

const CHANNEL: &str = "it carries events and keeps nothing";

fn channel(channel: &Channel, caches: &[Described]) -> Row {
    let uses = &channel.uses;
    let evicted = caches.iter().filter(|cache| {
        let here = |seen: &Seen| *seen.channel == *channel.name;
        cache.evicted_by.iter().any(here)
            && uses
                .iter()
                .any(|usage| cache.bus.is_none_or(|bus| bus == usage.bus))
    });
    let mut evicted: Vec<_> = evicted.map(|cache| cache.name.to_string()).collect();
    evicted.dedup();
    let events = channel.schema.variants().iter();
    Row {
        name: channel.name.clone(),
        kind: Kind::Channel,
        place: channel.place,
        ttl: None,
        bound: Bound::None,
        entries: None,
        hits: 0,
        misses: 0,
        evictions: None,
        evicted_by: Vec::new(),
        risk: Risk::None,
        why: CHANNEL.to_owned(),
        state: state(channel),
        reloads: None,
        channel: Some(Traffic {
            service: channel.service,
            events: events.map(VariantSchema::wire).collect(),
            all: channel.schema.all().wire(),
            caches: evicted,
            subscribers: uses.iter().map(|usage| usage.subscribers).sum(),
            stats: sum(uses.iter().map(|usage| usage.stats)),
        }),
        flags: Vec::new(),
    }
}

/// The worst state on all buses. A bus without subscribers counts only if no bus has any.
fn state(channel: &Channel) -> State {
    let healths = || channel.uses.iter().map(|usage| &usage.health);
    let lost = |health: &&Health| !(health.is_live() || **health == Health::Idle);
    let Some(health) = healths().find(lost) else {
        return match channel.uses.len() {
            0 => State::Unused,
            _ if healths().any(Health::is_live) => State::Live,
            _ => State::Idle,
        };
    };
    let (why, all) = (why(health), channel.uses.len());
    State::Down(match healths().filter(lost).count() {
        _ if all == 1 => why,
        lost => format!("{why} (on {lost} of {all} buses)"),
    })
}

fn sum(stats: impl Iterator<Item = ChannelStats>) -> ChannelStats {
    stats.fold(ChannelStats::default(), |sum, stats| ChannelStats {
        received: sum.received + stats.received,
        rejected: sum.rejected + stats.rejected,
        published: sum.published + stats.published,
        publish_failures: sum.publish_failures + stats.publish_failures,
        flushes: sum.flushes + stats.flushes,
        live_flushes: sum.live_flushes + stats.live_flushes,
        down_flushes: sum.down_flushes + stats.down_flushes,
        rejected_flushes: sum.rejected_flushes + stats.rejected_flushes,
        moved_flushes: sum.moved_flushes + stats.moved_flushes,
        overflows: sum.overflows + stats.overflows,
        deferred: sum.deferred + stats.deferred,
        resent: sum.resent + stats.resent,
        collapsed: sum.collapsed + stats.collapsed,
        given_up: sum.given_up + stats.given_up,
        undecided: sum.undecided + stats.undecided,
        panics: sum.panics + stats.panics,
    })
}
