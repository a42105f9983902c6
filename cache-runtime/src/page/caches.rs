//! The caches, as a table.

use super::html::Html;
use super::rows::{Cells, begin_row, end_row, state, table};
use crate::audit::{Audit, Bound, EvictedBy, Kind, Length, Number, Reloads, Row};
use crate::counters::Evictions;

const COLUMNS: [&str; 6] = ["Cache", "State", "Risk", "Entries", "Hits", "TTL"];

pub(super) fn write(html: &mut Html, audit: &Audit) {
    let caches = |row: &Row| row.kind != Kind::Channel;
    table(html, audit, "Caches", &COLUMNS, caches, row);
}

fn row(html: &mut Html, row: &Row, id: &str) {
    begin_row(html, row, id, row.kind.as_str());
    let mut cells = Cells::new(&COLUMNS);
    cells.next(html);
    state(html, &row.state, what_state_means(row));
    cells.next(html);
    html.raw("<b class=\"").raw(row.risk.as_str()).raw("\">");
    html.raw(row.risk.as_str()).raw("</b>");
    html.element("small", &row.why);
    cells.next(html);
    match row.entries {
        Some(entries) => html.text(Number(entries)),
        None => html.raw("–"),
    };
    bound(html, row.bound);
    cells.next(html);
    match row.hit_ratio() {
        Some(ratio) => html.text(format_args!("{:.0} %", ratio * 100.0)),
        None => html.raw("–"),
    };
    html.raw("<small>").text(Number(row.hits)).raw(" of ");
    html.text(Number(row.hits + row.misses))
        .raw(" reads</small>");
    cells.next(html);
    match row.ttl {
        Some(ttl) => html.text(Length(ttl)),
        None => html.raw("–"),
    };
    end_row(html);
    if let Some(evictions) = row.evictions {
        gone(html, evictions);
    }
    if let Some(reloads) = &row.reloads {
        loads(html, reloads);
    }
    for source in &row.evicted_by {
        evicted_by(html, row.kind, source);
    }
}

/// What the state means for who reads the cache.
fn what_state_means(row: &Row) -> &'static str {
    match (row.state.as_str(), row.kind) {
        ("live", Kind::Coherent | Kind::Snapshot) => "events are proven to arrive",
        ("live", Kind::CoherentRedis) => "events are proven to arrive, and Redis answers",
        ("live", _) => "Redis has answered the last request",
        ("bypassing", Kind::CoherentRedis | Kind::Redis) => {
            "reads go past its memory, or to their loaders"
        }
        ("bypassing", _) => "reads go to their loaders, and nothing is stored",
        ("unproven", _) => "it is read although events are not proven to arrive",
        ("down", Kind::Snapshot) => "it could not be loaded, and is read with its last value",
        ("down", _) => "it does not work",
        ("local", _) => "it needs no server",
        _ => "",
    }
}

fn bound(html: &mut Html, bound: Bound) {
    match bound {
        Bound::Entries(most) => {
            html.raw("<small>of at most ").text(Number(most));
        }
        Bound::Weight(most) => {
            html.raw("<small>of weight at most ").text(Number(most));
        }
        Bound::Ttl => {
            html.raw("<small>in Redis, until their TTL ends");
        }
        Bound::None => return,
    }
    html.raw("</small>");
}

/// How many entries have left, by cause.
fn gone(html: &mut Html, evictions: Evictions) {
    html.raw("<p><b>Entries gone:</b> ");
    let mut written = false;
    for (cause, entries) in evictions.in_words() {
        html.raw(if written { ", " } else { "" });
        html.text(Number(entries)).raw(" ").raw(cause);
        written = true;
    }
    html.raw(if written { "</p>" } else { "none</p>" });
}

fn loads(html: &mut Html, reloads: &Reloads) {
    html.raw("<p><b>Loaded in the background:</b> ");
    match reloads.last_success {
        Some(time) => html.text(Length(time)).raw(" ago"),
        None => html.raw("not yet"),
    };
    if let Some(time) = reloads.failing_for {
        html.raw("; loads that have failed since then: ");
        html.text(Number(reloads.failures)).raw(", for ");
        html.text(Length(time));
    }
    if let Some(error) = &reloads.error {
        html.raw(", the last one because: ").text(error);
    }
    html.raw("</p>");
}

/// A channel, and what each of its events has done to the cache.
fn evicted_by(html: &mut Html, kind: Kind, source: &EvictedBy) {
    let (by, done) = match kind {
        Kind::Snapshot => ("Loaded again by ", "asked for a load"),
        _ => ("Evicted by ", "evicted"),
    };
    html.raw("<details><summary>").raw(by).text(&source.channel);
    let applied: u64 = source.events.iter().map(|event| event.applied).sum();
    html.raw(" (events applied: ").text(Number(applied));
    html.raw(")</summary><ul>");
    for event in &source.events {
        html.raw("<li>").text(event.event).raw(": applied ");
        html.text(Number(event.applied)).raw(", ").raw(done);
        html.raw(" ").text(Number(event.evicted)).raw("</li>");
    }
    html.raw("</ul></details>");
}
