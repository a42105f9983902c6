//! An audit as a table for a terminal.

use std::fmt;
use std::time::Duration;

use super::report::{Audit, Bound, Kind, Risk, Row, State, Traffic};

/// Characters a line, unless the format says otherwise.
const WIDTH: usize = 100;
/// What stands before the details of a row.
const INDENT: &str = "    ";

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or(WIDTH);
        let (channels, caches): (Vec<_>, Vec<_>) =
            self.rows.iter().partition(|row| row.kind == Kind::Channel);
        if self.rows.is_empty() {
            return f.write_str("no caches and no channels\n");
        }
        if !caches.is_empty() {
            table(f, width, &CACHES, &caches)?;
        }
        if !channels.is_empty() {
            if !caches.is_empty() {
                f.write_str("\n")?;
            }
            table(f, width, &CHANNELS, &channels)?;
        }
        for (i, flag) in self.flags().enumerate() {
            if i == 0 {
                f.write_str("\nFLAGS\n")?;
            }
            wrap(f, width, "", &flag.to_string())?;
        }
        Ok(())
    }
}

/// A column: its title, whether it is aligned to the right, and what stands in it.
struct Column(&'static str, bool, fn(&Row) -> String);

const CACHES: [Column; 9] = [
    Column("CACHE", false, |row| row.name.clone()),
    Column("KIND", false, |row| row.kind.to_string()),
    Column("TTL", true, |row| or_none(row.ttl.map(Length))),
    Column("BOUND", true, |row| bound(row.bound)),
    Column("ENTRIES", true, |row| or_none(row.entries.map(Number))),
    Column("HITS", true, hits),
    Column("RISK", false, |row| row.risk.to_string()),
    Column("STATE", false, |row| row.state.as_str().to_owned()),
    Column("BUILT AT", false, |row| row.place.to_string()),
];

const CHANNELS: [Column; 6] = [
    Column("CHANNEL", false, |row| row.name.clone()),
    Column("STATE", false, |row| row.state.as_str().to_owned()),
    Column("RECEIVED", true, |row| {
        of(row, |traffic| traffic.stats.received)
    }),
    Column("PUBLISHED", true, |row| {
        of(row, |traffic| traffic.stats.published)
    }),
    Column("REJECTED", true, |row| {
        of(row, |traffic| traffic.stats.rejected)
    }),
    Column("DECLARED AT", false, |row| row.place.to_string()),
];

/// A line a row, with its details under it. Where the places, which are last, do not fit, they are
/// details too.
fn table(
    f: &mut fmt::Formatter<'_>,
    width: usize,
    columns: &[Column],
    rows: &[&Row],
) -> fmt::Result {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|column| (column.2)(row)).collect())
        .collect();
    let widest = |i: usize| {
        let cells = cells.iter().map(|cells| length(&cells[i]));
        cells.chain([columns[i].0.len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    let total = widths.iter().sum::<usize>() + 2 * (columns.len() - 1);
    let fits = total <= width;
    let shown = if fits {
        columns.len()
    } else {
        columns.len() - 1
    };
    let line = |f: &mut fmt::Formatter<'_>, cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for ((cell, width), column) in cells.zip(&widths).zip(columns).take(shown) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let space = " ".repeat(width.saturating_sub(length(cell)));
            let (before, after) = if column.1 {
                (&*space, "")
            } else {
                ("", &*space)
            };
            line.extend([before, cell, after]);
        }
        writeln!(f, "{}", line.trim_end())
    };
    line(f, &mut columns.iter().map(|column| column.0))?;
    for (row, cells) in rows.iter().zip(&cells) {
        line(f, &mut cells.iter().map(String::as_str))?;
        if !fits {
            let title = columns[shown].0.to_lowercase();
            wrap(f, width, INDENT, &format!("{title} {}", row.place))?;
        }
        for detail in details(row) {
            wrap(f, width, INDENT, &detail)?;
        }
    }
    Ok(())
}

fn details(row: &Row) -> Vec<String> {
    let mut details = Vec::new();
    for source in &row.evicted_by {
        let idle = |applied: u64, evicted: u64| applied > 0 && evicted == 0;
        let names = |wanted: bool| {
            let events = source.events.iter();
            let events = events.filter(|event| idle(event.applied, event.evicted) == wanted);
            events.map(|event| event.event).collect::<Vec<_>>()
        };
        let (evicting, idle) = (names(false), names(true));
        let but = match &*idle {
            [] => String::new(),
            idle => format!(", but not by {}", list(idle)),
        };
        let evicting = list(&evicting);
        details.push(format!("evicted by {}: {evicting}{but}", source.channel));
    }
    if let Some(traffic) = &row.channel {
        details.extend(traffic_details(traffic, &row.state));
    } else {
        let risk = match row.risk {
            Risk::None => "no",
            risk => risk.as_str(),
        };
        details.push(format!("{risk} risk: {}", row.why));
    }
    if row.state.reason().is_some() {
        details.push(row.state.to_string());
    }
    details
}

fn traffic_details(traffic: &Traffic, state: &State) -> Vec<String> {
    let mut details = vec![format!("events: {}", list(&traffic.events))];
    details.push(match (&*traffic.caches, traffic.subscribers) {
        _ if *state == State::Unused => {
            format!(
                "no bus of this process has it: {} is not built",
                traffic.service
            )
        }
        (_, 0) => "nothing here subscribes to it, so this instance only publishes".to_owned(),
        ([], _) => "evicts from no cache here; has subscribers of its own".to_owned(),
        (caches, _) => format!("evicts from {}", list(caches)),
    });
    details
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::Entries(entries) => Number(entries).to_string(),
        Bound::Weight(weight) => format!("weight {}", Number(weight)),
        Bound::Ttl => "TTL".to_owned(),
        Bound::None => or_none(None::<Number>),
    }
}

fn hits(row: &Row) -> String {
    or_none(
        row.hit_ratio()
            .map(|ratio| format!("{:.0} %", ratio * 100.0)),
    )
}

fn of(row: &Row, count: fn(&Traffic) -> u64) -> String {
    or_none(row.channel.as_ref().map(count).map(Number))
}

fn or_none(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Writes a text on as many lines as it takes, further ones indented.
fn wrap(f: &mut fmt::Formatter<'_>, width: usize, indent: &str, text: &str) -> fmt::Result {
    let mut line = indent.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && length(&line) + 1 + length(word) > width {
            writeln!(f, "{line}")?;
            line = format!("{indent}  ");
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(f, "{line}")
}

/// Columns on a terminal, as far as characters tell.
fn length(text: &str) -> usize {
    text.chars().count()
}

/// `a, b, c`
pub(super) fn list(items: &[impl AsRef<str>]) -> String {
    let items: Vec<_> = items.iter().map(AsRef::as_ref).collect();
    items.join(", ")
}

/// A number with its thousands apart: `10,000`.
struct Number(u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A time in the largest unit that it is a whole number of, or the two largest: `30 s`, `5 min`,
/// `24 h`, `36 h 30 min`, `2 d`.
#[derive(Clone, Copy)]
pub(super) struct Length(pub(super) Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u128); 5] = [
            ("d", 24 * 60 * 60 * 1000),
            ("h", 60 * 60 * 1000),
            ("min", 60 * 1000),
            ("s", 1000),
            ("ms", 1),
        ];
        let mut left = self.0.as_millis();
        let mut written = 0;
        for (i, (unit, millis)) in UNITS.into_iter().enumerate() {
            // One day is better known as so many hours.
            if unit == "d" && left < 2 * millis {
                continue;
            }
            let count = left / millis;
            left %= millis;
            let last = i + 1 == UNITS.len() && written == 0;
            if count == 0 && !last {
                continue;
            }
            if written > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{count} {unit}")?;
            written += 1;
            if written == 2 {
                break;
            }
        }
        Ok(())
    }
}
