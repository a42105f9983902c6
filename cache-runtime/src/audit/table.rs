//! An audit as a table for a terminal.

use std::fmt;
use std::time::Duration;

use super::reloads::Reloads;
use super::report::{Audit, Bound, EvictedBy, Kind, Risk, Row, State, Traffic};
use super::source::Evicts;
use crate::counters::Evictions;
use crate::wire::Prose;

/// Characters in a line, unless the format says otherwise: 100.
const WIDTH: usize = 100;
/// The indent of the details of a row.
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

/// A column: its title, whether it is aligned to the right, and its cell in a row.
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

/// Writes one line for each row, with its details below. The last column shows places. If it does
/// not fit, places are details too.
fn table(
    f: &mut fmt::Formatter<'_>,
    width: usize,
    columns: &[Column],
    rows: &[&Row],
) -> fmt::Result {
    let titles = columns.iter().map(|column| column.0.to_owned()).collect();
    let cells = |row| columns.iter().map(|column| (column.2)(row)).collect();
    let mut lines: Vec<Vec<String>> = vec![titles];
    lines.extend(rows.iter().copied().map(cells));
    let widest = |i: usize| lines.iter().map(|cells| length(&cells[i])).max();
    let widths: Vec<usize> = (0..columns.len()).filter_map(widest).collect();
    let fits = widths.iter().sum::<usize>() + 2 * (columns.len() - 1) <= width;
    let shown = columns.len() - usize::from(!fits);

    let described = std::iter::once(None).chain(rows.iter().map(Some));
    for (cells, row) in lines.iter().zip(described) {
        let cells = cells.iter().zip(columns).zip(&widths).take(shown);
        let cells = cells.map(|((cell, column), &width)| {
            if column.1 {
                format!("{cell:>width$}")
            } else {
                format!("{cell:width$}")
            }
        });
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        let Some(row) = row else { continue };
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
    let sources = row.evicted_by.iter();
    let mut details: Vec<String> = sources.map(|source| evicted_by(row.kind, source)).collect();
    details.extend(row.reloads.as_ref().map(reloads));
    details.extend(row.evictions.and_then(evictions));
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

/// `loaded 2 s ago; loads that have failed since then: 3, for 5 min: …`
fn reloads(reloads: &Reloads) -> String {
    let loaded = match reloads.last_success {
        Some(time) => format!("loaded {} ago", Length(time)),
        None => "not loaded yet".to_owned(),
    };
    let (Some(time), Some(error)) = (reloads.failing_for, &reloads.error) else {
        return loaded;
    };
    let (failures, time) = (reloads.failures, Length(time));
    format!(
        "{loaded}; loads that have failed since then: {failures}, for {time}: {}",
        Prose(error)
    )
}

/// Why entries have left, if any have.
fn evictions(evictions: Evictions) -> Option<String> {
    let causes = evictions.in_words();
    let causes: Vec<_> = causes
        .map(|(cause, entries)| format!("{} {cause}", Number(entries)))
        .collect();
    (!causes.is_empty()).then(|| format!("gone: {}", causes.join(", ")))
}

fn evicted_by(kind: Kind, source: &EvictedBy) -> String {
    let done = match kind {
        Kind::Snapshot => "loaded",
        _ => "evicted",
    };
    let idle = |event: &&Evicts| event.applied > 0 && event.evicted == 0;
    let (idle, evicting): (Vec<_>, Vec<_>) = source.events.iter().partition(idle);
    let names = |events: Vec<&Evicts>| {
        let names: Vec<_> = events.iter().map(|event| event.event).collect();
        list(&names)
    };
    let but = match idle.len() {
        0 => String::new(),
        _ => format!(", but not by {}", names(idle)),
    };
    format!("{done} by {}: {}{but}", source.channel, names(evicting))
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

/// Writes a text on as many lines as it takes, the further ones indented.
fn wrap(f: &mut fmt::Formatter<'_>, width: usize, indent: &str, text: &str) -> fmt::Result {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut line = format!("{indent}{first}");
    for word in rest.split(' ').filter(|word| !word.is_empty()) {
        if length(&line) + 1 + length(word) > width {
            writeln!(f, "{line}")?;
            line = format!("{indent}  {word}");
        } else {
            line.extend([" ", word]);
        }
    }
    writeln!(f, "{line}")
}

/// The columns that a text takes on a terminal, as far as its characters tell.
fn length(text: &str) -> usize {
    text.chars().count()
}

/// `a, b, c`
pub(super) fn list(items: &[impl AsRef<str>]) -> String {
    let items: Vec<_> = items.iter().map(AsRef::as_ref).collect();
    items.join(", ")
}

/// A number with its thousands separated: `10,000`.
pub(crate) struct Number(pub(crate) u64);

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

/// A time in its one or two largest units, the rest cut off: `30 s`, `5 min`, `24 h`,
/// `36 h 30 min`, `2 d`.
#[derive(Clone, Copy)]
pub(crate) struct Length(pub(crate) Duration);

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
            // Less than two days are written in hours.
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
