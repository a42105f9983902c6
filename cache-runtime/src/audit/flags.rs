//! What looks wrong in an audit, and what to do about it.

use std::time::Duration;

use super::channels::Channel;
use super::enrolled::Described;
use super::peer::Peer;
use super::report::{Flag, Kind, Risk, Row, State, why};
use super::source::{Evicts, Seen};
use super::table::{Length, list};
use crate::wire::Prose;

/// How long events may be in an outbox before that is flagged.
const STUCK: Duration = Duration::from_secs(10);
/// How long loads in the background may fail before that is flagged.
const FAILING: Duration = Duration::from_secs(60);

/// Sets the flags of all rows. `caches[i]` is the cache of `rows[i]`; the rows after them are
/// `channels`.
pub(super) fn raise(rows: &mut [Row], caches: &[Described], channels: &[Channel], peers: &[Peer]) {
    let all = channels;
    let mut channels: Vec<String> = Vec::new();
    for (i, row) in rows.iter_mut().enumerate() {
        let mut found = Vec::new();
        if let Some(cache) = caches.get(i) {
            silent(cache, &mut found);
            found.extend(failing(cache));
            if cache.kind == Kind::Ttl {
                found.extend(namesakes_here(cache, caches));
                found.extend(namesakes_elsewhere(cache, peers));
            }
        } else if !channels.contains(&row.name) {
            channels.push(row.name.clone());
            idle_events(row, caches, peers, &mut found);
        }
        if let Some(channel) = i.checked_sub(caches.len()).and_then(|i| all.get(i)) {
            stuck(channel, &mut found);
            other_events(channel, peers, &mut found);
        }
        let about = |(risk, text)| Flag {
            about: row.name.clone(),
            risk,
            text,
        };
        row.flags = found.into_iter().map(about).collect();
    }
}

/// A risk and the text of its flag.
type Found = (Risk, String);

/// Flags a cache whose channels are not live, or in which nothing was published or received yet.
fn silent(cache: &Described, found: &mut Vec<Found>) {
    for Seen {
        channel,
        health,
        stats,
        ..
    } in &cache.evicted_by
    {
        if !health.is_live() {
            let meanwhile = match (&cache.state, cache.kind) {
                (State::Unproven(_), _) => "it is read all the same, and its values may be stale",
                // It keeps nothing in memory, and publishers delete in Redis before they send.
                (State::Live, Kind::CoherentRedis) => continue,
                (_, Kind::CoherentRedis) => {
                    "its memory is not read, and with `OnFlush::EvictRedis` neither is Redis"
                }
                _ => "every read loads, and nothing is stored",
            };
            let text = format!(
                "channel `{channel}` is not live: {}; until it is, {meanwhile}. The error of \
                 `bus.ready()` says what to change",
                why(health)
            );
            found.push((Risk::Critical, text));
        } else if stats.received + stats.published == 0 {
            let text = format!(
                "nothing was published or received in channel `{channel}` yet; check that every \
                 change of a value is published afterwards"
            );
            found.push((Risk::Minor, text));
        }
    }
}

/// Flags a cache whose loads in the background have failed for long.
fn failing(cache: &Described) -> Option<Found> {
    let reloads = cache.reloads.as_ref()?;
    let (time, error) = (reloads.failing_for?, reloads.error.as_ref()?);
    if time < FAILING {
        return None;
    }
    // Events evict from the other caches, so only a snapshot keeps what an event has made stale.
    let risk = if cache.kind == Kind::Snapshot && !cache.evicted_by.is_empty() {
        Risk::Critical
    } else {
        Risk::Minor
    };
    // A snapshot has no TTL.
    let meanwhile = if cache.kind == Kind::Snapshot {
        "its old value is read meanwhile"
    } else {
        "an old one, if there is one, is served until its TTL"
    };
    let text = format!(
        "it could not be loaded for {}; {meanwhile}. Loads that have failed: {}, the last one \
         because: {}",
        Length(time),
        reloads.failures,
        Prose(error)
    );
    Some((risk, text))
}

/// Flags a channel whose events are in an outbox for long.
fn stuck(channel: &Channel, found: &mut Vec<Found>) {
    for usage in &channel.uses {
        let (events, Some((time, cause))) = (usage.stats.in_outbox(), &usage.stuck) else {
            continue;
        };
        if events > 0 && *time > STUCK {
            let text = format!(
                "events in the outbox: {events}. For {} the server has not taken them: {cause}. \
                 Until it does, other instances may serve what they evict",
                Length(*time)
            );
            found.push((Risk::Critical, text));
        }
    }
}

/// Flags a channel for which another instance has other events.
fn other_events(channel: &Channel, peers: &[Peer], found: &mut Vec<Found>) {
    let Some(here) = channel.fingerprint else {
        return;
    };
    for peer in peers {
        if let Some(there) = peer.schemas.get(channel.declared)
            && there != here
        {
            let text = format!(
                "instance {peer} has other events: their fingerprint is {there}, and {here} here. What \
                 one of them does not know, it rejects. That ends with a deployment that is under way"
            );
            found.push((Risk::Minor, text));
        }
    }
}

/// Flags another TTL cache of this name in this process.
fn namesakes_here(cache: &Described, caches: &[Described]) -> Option<Found> {
    let others = caches.iter().filter(|other| {
        other.kind == Kind::Ttl && other.name == cache.name && !std::ptr::eq(*other, cache)
    });
    let mut places: Vec<_> = others
        .map(|other| format!("{}:{}", other.place.file(), other.place.line()))
        .collect();
    if places.is_empty() {
        return None;
    }
    places.dedup();
    let text = format!(
        "another TTL cache of this process has this name (built at {}), and {}",
        list(&places),
        differ(cache)
    );
    Some((Risk::Minor, text))
}

/// Flags TTL caches of this name in other instances.
fn namesakes_elsewhere(cache: &Described, peers: &[Peer]) -> Option<Found> {
    let others = peers.iter().filter(|peer| peer.has_ttl_cache(&cache.name));
    let others: Vec<_> = others.map(Peer::to_string).collect();
    if others.is_empty() {
        return None;
    }
    let text = format!(
        "other instances have a TTL cache of this name: {}; {}",
        list(&others),
        differ(cache)
    );
    Some((Risk::Minor, text))
}

fn differ(cache: &Described) -> String {
    let ttl = cache.ttl.map(Length);
    let ttl = ttl.map_or_else(|| "the TTL".to_owned(), |ttl| ttl.to_string());
    format!(
        "their values may differ for up to {ttl}. Take a `CoherentCache` if that is wrong, and \
         another name if they hold different things"
    )
}

/// Flags events that were applied, and on which no cache evicts anything.
fn idle_events(row: &Row, caches: &[Described], peers: &[Peer], found: &mut Vec<Found>) {
    let Some(traffic) = &row.channel else { return };
    let sources = || {
        let all = caches.iter();
        let all = all.flat_map(|cache| cache.evicted_by.iter().map(move |seen| (cache, seen)));
        all.filter(|(_, seen)| *seen.channel == *row.name)
    };
    // It is not known what the other subscribers do with an event.
    if sources().count() < traffic.subscribers {
        return;
    }
    for event in &traffic.events {
        let counts = || {
            let events = sources().flat_map(|(_, seen)| &seen.events);
            events.filter(|evicts| evicts.event == *event)
        };
        let applied = |evicts: &Evicts| evicts.applied > 0;
        let evicted = |evicts: &Evicts| evicts.evicted > 0;
        let elsewhere = |peer: &Peer| peer.evicts_on(&row.name, event);
        if !counts().any(applied) || counts().any(evicted) || peers.iter().any(elsewhere) {
            continue;
        }
        let mut names: Vec<_> = sources()
            .map(|(cache, _)| format!("`{}`", cache.name))
            .collect();
        names.dedup();
        let names = list(&names);
        let mut kinds = sources().map(|(cache, _)| cache.kind);
        let (method, nothing) = if kinds.all(|kind| kind == Kind::Snapshot) {
            ("`reload_on`", "false")
        } else {
            ("`evict_on`", "`Evict::Nothing`")
        };
        found.push(if *event == traffic.all {
            let text = format!(
                "event `{event}` is the one that flushes, but evicts nothing from {names}: the \
                 closure given to `evict_on` must return `Evict::All` for it"
            );
            (Risk::Critical, text)
        } else {
            let text = format!(
                "event `{event}` evicts nothing: for it, {method} of {names} returns \
                 {nothing}, and nothing else subscribes here. Say what it evicts, or do not \
                 publish it"
            );
            (Risk::Minor, text)
        });
    }
}
