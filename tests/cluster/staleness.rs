//! How stale reads were, as their callers saw it: while all was well, and under each fault.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::time::Duration;

use crate::audit::missed;
use crate::caches::{Kind, LEASE};
use crate::clock::{Nanos, length, now};
use crate::log::Read;
use crate::writer::Acknowledged;

/// What 99.9 % of the reads are to stay below while all is well.
const HEALTHY: Duration = Duration::from_millis(5);

/// What all reads are to stay below under a fault.
const FAULT: Duration = LEASE.saturating_add(Duration::from_millis(200));

const WELL: &str = "healthy";

/// What was done, and when it began. Each lasts until the next begins.
#[derive(Debug, Default)]
pub(crate) struct Timeline(Vec<(Nanos, String)>);

impl Timeline {
    /// Nothing is done from now on.
    pub(crate) fn well(&mut self) {
        self.0.push((now(), WELL.to_owned()));
    }

    pub(crate) fn fault(&mut self, fault: impl Debug) {
        self.0.push((now(), format!("{fault:?}")));
    }

    /// What was done during a time: of several faults the first, because it may be what the second
    /// has found. `None` before anything was noted.
    fn during(&self, from: Nanos, to: Nanos) -> Option<&str> {
        let first = self.0.partition_point(|(begun, _)| *begun <= from);
        let begun = self.0.partition_point(|(begun, _)| *begun <= to);
        let phases = &self.0[first.saturating_sub(1)..begun];
        let mut names = phases.iter().map(|(_, name)| name.as_str());
        names.clone().find(|name| *name != WELL).or(names.next())
    }
}

/// How stale the reads of one kind of cache were in one phase.
#[derive(Debug, Default)]
struct Ages {
    reads: usize,
    /// The ages of those that were stale.
    stale: Vec<Nanos>,
}

impl Ages {
    /// What so many thousandths of the reads do not exceed. `stale` is sorted.
    fn at(&self, thousandths: usize) -> Duration {
        let rank = (self.reads * thousandths).div_ceil(1000).max(1);
        let fresh = self.reads - self.stale.len();
        let age = rank
            .checked_sub(fresh + 1)
            .and_then(|stale| self.stale.get(stale));
        Duration::from_nanos(age.copied().unwrap_or_default())
    }
}

impl fmt::Display for Ages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reads, .. } = self;
        let [p50, high, max] = [500, 999, 1000].map(|thousandths| self.at(thousandths));
        write!(
            f,
            "{reads} | {} | {} | {}",
            Millis(p50),
            Millis(high),
            Millis(max)
        )
    }
}

struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs_f64() * 1e3 {
            0.0 => write!(f, "0"),
            millis if millis < 10.0 => write!(f, "{millis:.2}"),
            millis => write!(f, "{millis:.0}"),
        }
    }
}

/// How stale the reads of all processes of a run were.
///
/// A read that has seen all that was acknowledged counts for what was done when it began. A stale read
/// counts for what was done since the acknowledgement that it has [missed], so that it counts for the
/// fault that has taken the event, and not for the next one.
#[derive(Debug)]
pub(crate) struct Staleness {
    timeline: Timeline,
    /// By the phase and the kind of cache.
    ages: BTreeMap<(String, Kind), Ages>,
}

impl Staleness {
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self {
            timeline,
            ages: BTreeMap::new(),
        }
    }

    pub(crate) fn count(&mut self, reads: &[Read], acknowledged: &[Vec<Acknowledged>]) {
        for read in reads {
            let missed = missed(read, acknowledged).filter(|missed| *missed < read.at);
            let phase = self.timeline.during(missed.unwrap_or(read.at), read.at);
            let Some(phase) = phase else {
                continue;
            };
            let ages = self.ages.entry((phase.to_owned(), read.kind)).or_default();
            ages.reads += 1;
            ages.stale.extend(missed.map(|missed| read.at - missed));
        }
        self.ages
            .values_mut()
            .for_each(|ages| ages.stale.sort_unstable());
    }

    /// Prints a table of the caches that serve nothing unproven, in the order of the faults.
    pub(crate) fn print(&self, name: &str) {
        let mut table = format!(
            "\n| {name} | in memory: reads | p50, ms | p99.9 | max | in Redis: reads | p50, ms | p99.9 | \
             max | goal |\n|---|---|---|---|---|---|---|---|---|---|\n"
        );
        let mut printed = Vec::new();
        for (_, phase) in &self.timeline.0 {
            if printed.contains(&phase) {
                continue;
            }
            printed.push(phase);
            let ages = |kind| self.ages.get(&(phase.clone(), kind));
            let (Some(memory), Some(redis)) = (ages(Kind::Bypass), ages(Kind::Redis)) else {
                continue;
            };
            let goal = match phase.as_str() {
                WELL => met("p99.9", HEALTHY, memory.at(999).max(redis.at(999))),
                _ => met("max", FAULT, memory.at(1000).max(redis.at(1000))),
            };
            table.extend([format!("| {phase} | {memory} | {redis} | {goal} |\n")]);
        }
        println!("{table}");
    }
}

fn met(what: &str, goal: Duration, measured: Duration) -> String {
    let met = if measured <= goal { "met" } else { "missed" };
    format!("{what} ≤ {goal:?}: {met}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline() -> Timeline {
        let phase = |(begun, name): (Nanos, &str)| (begun, name.to_owned());
        Timeline(
            [(10, WELL), (20, "Cut"), (30, WELL), (40, "Kill")]
                .map(phase)
                .into(),
        )
    }

    #[test]
    fn a_time_belongs_to_the_first_fault_within_it() {
        let timeline = timeline();
        let during = |from, to| timeline.during(from, to).unwrap_or("nothing");
        assert_eq!(
            [during(0, 9), during(0, 15), during(15, 15)],
            ["nothing", WELL, WELL]
        );
        assert_eq!([during(15, 20), during(15, 45), during(20, 29)], ["Cut"; 3]);
        assert_eq!(
            [during(29, 45), during(30, 39), during(31, 40)],
            ["Cut", WELL, "Kill"]
        );
    }

    #[test]
    fn an_age_is_counted_for_what_was_done_since() {
        let mut staleness = Staleness::new(timeline());
        let read = |(at, number)| Read {
            at,
            number,
            key: 0,
            kind: Kind::Bypass,
            live: true,
            loaded: false,
            while_down: false,
        };
        let publish = |(at, number)| Acknowledged { number, at };
        let acknowledged = [vec![publish((25, 1)), publish((41, 2))]];
        // Fresh, stale by 4 and by 20 since the first fault, and by 5 since the second.
        let reads = [(22, 0), (29, 0), (45, 0), (46, 1)].map(read);
        staleness.count(&reads, &acknowledged);
        let ages = |phase: &str| &staleness.ages[&(phase.to_owned(), Kind::Bypass)];
        assert_eq!((ages("Cut").reads, &*ages("Cut").stale), (3, &[4, 20][..]));
        assert_eq!((ages("Kill").reads, &*ages("Kill").stale), (1, &[5][..]));
    }

    #[test]
    fn a_share_of_the_reads_does_not_exceed_its_age() {
        let at = |reads, stale: &[Nanos]| {
            let ages = Ages {
                reads,
                stale: stale.to_vec(),
            };
            [500, 999, 1000].map(|thousandths| length(ages.at(thousandths)))
        };
        assert_eq!(at(0, &[]), [0, 0, 0]);
        assert_eq!(at(1, &[7]), [7, 7, 7]);
        assert_eq!(at(4, &[5, 7]), [0, 7, 7]);
        assert_eq!(at(3, &[5, 7]), [5, 7, 7]);
        assert_eq!(at(10_000, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), [0, 1, 11]);
    }
}
