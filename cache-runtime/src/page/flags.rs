//! What looks wrong, the worst first.

use super::html::Html;
use super::rows::row_id;
use crate::audit::{Audit, Number, Risk};

/// The most flags that are shown.
const MOST: usize = 1000;

pub(super) fn write(html: &mut Html, audit: &Audit) {
    let mut flags: Vec<_> = (audit.rows().iter().enumerate())
        .flat_map(|(i, row)| row.flags.iter().map(move |flag| (i, flag)))
        .collect();
    // Stable, so that those of one risk stay in the order of the rows.
    flags.sort_by_key(|(_, flag)| std::cmp::Reverse(flag.risk));
    html.raw("<section id=\"flags\"><h2>What looks wrong</h2>");
    if flags.is_empty() {
        html.raw("<p>Nothing.</p>");
    } else {
        html.raw("<ul>");
    }
    for (i, flag) in flags.iter().take(MOST) {
        html.raw("<li data-filter class=\"");
        html.raw(flag.risk.as_str());
        html.raw("\"><strong>").raw(flag.risk.as_str());
        html.raw("</strong> <a href=\"#")
            .text(row_id(audit.rows(), *i));
        html.raw("\">").text(&flag.about);
        html.raw("</a> ").text(&flag.text).raw("</li>");
    }
    if !flags.is_empty() {
        html.raw("</ul>");
    }
    if let Some(more) = flags.len().checked_sub(MOST).filter(|more| *more > 0) {
        html.raw("<p>Further ones, in the JSON: ");
        html.text(Number(more as u64)).raw("</p>");
    }
    html.raw("</section>");
}

/// How many flags there are of a risk.
pub(super) fn count(audit: &Audit, risk: Risk) -> usize {
    audit.flags().filter(|flag| flag.risk == risk).count()
}
