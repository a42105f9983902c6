//! The channels, as a table.

use super::html::Html;
use super::rows::{Cells, begin_row, end_row, state, table};
use crate::audit::{Audit, Kind, Number, Row, State, Traffic};

const COLUMNS: [&str; 6] = [
    "Channel",
    "Health",
    "Subscribers",
    "Received",
    "Published",
    "Outbox",
];

pub(super) fn write(html: &mut Html, audit: &Audit) {
    let channels = |row: &Row| row.kind == Kind::Channel;
    table(html, audit, "Channels", &COLUMNS, channels, row);
}

fn row(html: &mut Html, row: &Row, id: &str) {
    let Some(traffic) = &row.channel else { return };
    let stats = &traffic.stats;
    begin_row(html, row, id, traffic.service);
    let mut cells = Cells::new(&COLUMNS);
    cells.next(html);
    state(html, &row.state, what_state_means(&row.state));
    cells.next(html);
    html.text(Number(traffic.subscribers as u64));
    cells.next(html);
    html.text(Number(stats.received));
    html.raw("<small>")
        .text(Number(stats.rejected))
        .raw(" rejected</small>");
    cells.next(html);
    html.text(Number(stats.published));
    html.raw("<small>").text(Number(stats.publish_failures));
    html.raw(" failed</small>");
    cells.next(html);
    html.text(Number(stats.in_outbox()));
    html.raw("<small>")
        .text(Number(stats.resent))
        .raw(" sent from it, ");
    html.text(Number(stats.given_up)).raw(" given up</small>");
    end_row(html);
    evicts(html, traffic);
    list(html, "Its events", &traffic.events);
    let rarities = [
        (stats.flushes, "Flushes after what may have been a loss"),
        (stats.overflows, "Full queues"),
        (stats.collapsed, "Events of the outbox that others cover"),
        (stats.undecided, "Changes dropped undecided"),
        (stats.panics, "Panics of subscribers"),
    ];
    for (count, what) in rarities.into_iter().filter(|(count, _)| *count > 0) {
        html.raw("<p>").raw(what).raw(": ").text(Number(count));
        html.raw("</p>");
    }
}

fn what_state_means(state: &State) -> &'static str {
    match state {
        State::Live => "events are proven to arrive",
        State::Idle => "nothing here subscribes to it: this instance only publishes",
        State::Unused => "its service is declared, and not built here",
        _ => "events may be lost, so what they evict is not served from memory unless you allow it",
    }
}

fn evicts(html: &mut Html, traffic: &Traffic) {
    if traffic.caches.is_empty() {
        html.raw("<p>Evicts from no cache here.</p>");
    } else {
        list(html, "Evicts from", &traffic.caches);
    }
}

fn list(html: &mut Html, title: &'static str, items: &[impl AsRef<str>]) {
    html.raw("<p><b>").raw(title).raw(":</b> ");
    for (i, item) in items.iter().enumerate() {
        html.raw(if i > 0 { ", " } else { "" }).text(item.as_ref());
    }
    html.raw("</p>");
}
