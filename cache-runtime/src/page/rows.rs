//! What the tables of caches and of channels have in common.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::html::Html;
use crate::audit::{Audit, Number, Row, State};

/// The most rows of a table.
const MOST: usize = 1000;

/// A table of the rows that are of one sort.
pub(super) fn table(
    html: &mut Html,
    audit: &Audit,
    title: &'static str,
    columns: &[&'static str],
    of: fn(&Row) -> bool,
    row: fn(&mut Html, &Row, &str),
) {
    let rows = audit.rows().iter().enumerate();
    let rows: Vec<_> = rows.filter(|(_, row)| of(row)).collect();
    html.raw("<section><h2>").raw(title).raw("</h2>");
    if rows.is_empty() {
        html.raw("<p>None.</p></section>");
        return;
    }
    html.raw("<table><thead><tr>");
    for column in columns {
        html.raw("<th scope=\"col\">").raw(column).raw("</th>");
    }
    html.raw("</tr></thead>");
    for (i, of) in rows.iter().take(MOST) {
        row(html, of, &row_id(audit.rows(), *i));
        html.raw("</td></tr></tbody>");
    }
    html.raw("</table>");
    if let Some(more) = rows.len().checked_sub(MOST).filter(|more| *more > 0) {
        html.raw("<p>Further ones, in the JSON: ");
        html.text(Number(more as u64)).raw("</p>");
    }
    html.raw("</section>");
}

/// Begins a row with its first cell: its name, what it is, and where it is.
pub(super) fn begin_row(html: &mut Html, row: &Row, id: &str, what: &'static str) {
    html.raw("<tbody data-filter id=\"").text(id);
    html.raw("\"><tr><th scope=\"row\">").text(&row.name);
    html.raw("<small>").text(what).raw("<br>").text(row.place);
    html.raw("</small>");
    html.raw("</th>");
}

/// Ends the cells of a row, and begins its details.
pub(super) fn end_row(html: &mut Html) {
    html.raw("</td></tr><tr><td colspan=\"6\">");
}

/// The cells of a row after the first one. Each has its column's title, which narrow screens show.
pub(super) struct Cells {
    titles: std::slice::Iter<'static, &'static str>,
    is_first: bool,
}

impl Cells {
    pub(super) fn new(columns: &'static [&'static str]) -> Self {
        Self {
            titles: columns[1..].iter(),
            is_first: true,
        }
    }

    /// Ends the cell before, and begins the next one.
    pub(super) fn next(&mut self, html: &mut Html) {
        html.raw(if self.is_first { "" } else { "</td>" });
        self.is_first = false;
        html.raw("<td data-title=\"");
        html.raw(self.titles.next().copied().unwrap_or_default());
        html.raw("\">");
    }
}

pub(super) fn state(html: &mut Html, state: &State, meaning: &'static str) {
    html.raw("<b class=\"").raw(state.as_str()).raw("\">");
    html.raw(state.as_str()).raw("</b><small>").raw(meaning);
    if let Some(reason) = state.reason() {
        html.raw(": ").text(reason);
    }
    html.raw("</small>");
}

/// The id of the element of a row, which stays the same while the row is there.
pub(super) fn row_id(rows: &[Row], i: usize) -> String {
    let key = |row: &Row| (row.kind, row.place.file, row.place.line);
    let row = &rows[i];
    let same = |other: &&Row| other.name == row.name && key(other) == key(row);
    let before = rows[..i]
        .iter()
        .rev()
        .take_while(|other| other.name == row.name);
    let mut hasher = DefaultHasher::new();
    (&row.name, key(row), before.filter(same).count()).hash(&mut hasher);
    format!("row-{:016x}", hasher.finish())
}
