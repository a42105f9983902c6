//! The document as a whole.

use super::html::Html;
use super::view::View;
use super::{caches, channels, flags};
use crate::audit::{Number, Risk};

pub(super) const SCRIPT: &str = include_str!("page.js");
pub(super) const STYLE: &str = include_str!("page.css");

pub(super) fn write(view: &View<'_>) -> String {
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">");
    html.raw("<meta name=\"robots\" content=\"noindex\">");
    html.raw("<title>");
    let critical = flags::count(&view.audit, Risk::Critical);
    if critical > 0 {
        html.text(Number(critical as u64)).raw(" critical – ");
    }
    html.text(view.title).raw("</title><style>");
    html.raw(STYLE)
        .raw("</style><noscript><meta http-equiv=\"refresh\" content=\"");
    html.text(view.refresh.as_secs())
        .raw("\"></noscript></head>");
    html.raw("<body data-refresh=\"")
        .text(view.refresh.as_millis());
    html.raw("\"><header>").element("h1", view.title);
    html.raw("<p id=\"age\"></p><p id=\"trouble\" role=\"alert\" hidden></p>");
    html.raw("<p id=\"filtering\" hidden><label>Filter: <input id=\"filter\" type=\"search\" ");
    html.raw("autocomplete=\"off\"></label> <span id=\"shown\" role=\"status\"></span></p>");
    html.raw("</header>");
    main(&mut html, view);
    html.raw("<footer><p><a href=\"?json\">The same as JSON</a></p></footer><script>");
    html.raw(SCRIPT).raw("</script></body></html>\n");
    html.into_string()
}

/// What a refresh replaces.
fn main(html: &mut Html, view: &View<'_>) {
    html.raw("<main id=\"audit\" data-process=\"")
        .text(view.process)
        .raw("\">");
    html.raw("<p>Looks wrong: ");
    html.text(Number(flags::count(&view.audit, Risk::Critical) as u64));
    html.raw(" critical, ");
    html.text(Number(flags::count(&view.audit, Risk::Minor) as u64));
    html.raw(" minor. Process ").text(view.process);
    html.raw(" answered at <time>")
        .text(utc(view.at.as_secs()))
        .raw("</time>.");
    if let Some(health) = &view.health {
        html.raw(" Its bus is <b>").text(health).raw("</b>.");
    }
    html.raw("</p>");
    if let Some(error) = &view.instances_error {
        html.raw("<p class=\"critical\" id=\"alone\">Only this process is shown: ");
        html.text(error).raw("</p>");
    }
    flags::write(html, &view.audit);
    caches::write(html, &view.audit);
    channels::write(html, &view.audit);
    html.raw("</main>");
}

/// A time since 1970, in seconds, as `2026-11-29 04:05:06 UTC`.
fn utc(time: u64) -> String {
    let (days, second) = (time / 86_400, time % 86_400);
    // Counted from the first of March of the year 0, so that leap days end years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }
}
