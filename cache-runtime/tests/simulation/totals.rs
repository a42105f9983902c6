//! What has happened in a run, and in all runs.

use std::collections::BTreeMap;
use std::fmt;

use crate::faults::Fault;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) runs: u64,
    pub(crate) events: u64,
    /// Each of a row.
    pub(crate) writes: u64,
    pub(crate) acknowledged: u64,
    pub(crate) confirmed: u64,
    pub(crate) later: u64,
    pub(crate) refused: u64,
    pub(crate) reads: u64,
    pub(crate) hits: u64,
    pub(crate) loads: u64,
    pub(crate) overtaken: u64,
    /// Reads of snapshots that were proven to be current, and their loads.
    pub(crate) proven: u64,
    pub(crate) reloads: u64,
    pub(crate) faults: BTreeMap<Fault, u64>,
}

impl Totals {
    pub(crate) fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.writes += other.writes;
        self.acknowledged += other.acknowledged;
        self.confirmed += other.confirmed;
        self.later += other.later;
        self.refused += other.refused;
        self.reads += other.reads;
        self.hits += other.hits;
        self.loads += other.loads;
        self.overtaken += other.overtaken;
        self.proven += other.proven;
        self.reloads += other.reloads;
        for (fault, times) in other.faults {
            *self.faults.entry(fault).or_default() += times;
        }
    }

    /// Otherwise the simulation proves nothing.
    pub(crate) fn assert_that_everything_happened(&self) {
        for fault in Fault::ALL {
            assert!(self.faults.contains_key(&fault), "{fault:?} did not happen");
        }
        let counts = [
            self.acknowledged,
            self.confirmed,
            self.later,
            self.hits,
            self.loads,
            self.proven,
            self.reloads,
        ];
        assert!(counts.into_iter().all(|count| count > 0), "{self}");
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} runs, {} writes in {} events: {} acknowledged, {} confirmed, {} deferred or not confirmed, {} refused",
            self.runs,
            self.writes,
            self.events,
            self.acknowledged,
            self.confirmed,
            self.later,
            self.refused
        )?;
        writeln!(
            f,
            "{} reads, {} hits, {} loads, {} overtaken by an eviction: none older than promised",
            self.reads, self.hits, self.loads, self.overtaken
        )?;
        writeln!(
            f,
            "{} reads of snapshots that were proven to be current, {} loads of snapshots",
            self.proven, self.reloads
        )?;
        let faults: Vec<_> = self.faults.iter().collect();
        let faults = faults
            .iter()
            .map(|(fault, times)| format!("{times} {fault:?}"));
        writeln!(f, "{}", faults.collect::<Vec<_>>().join(", "))?;
        // The rule of three: with no failure in n trials, at 95 %.
        #[allow(clippy::cast_precision_loss, reason = "a bound of two digits")]
        let bound = 3.0 / self.writes as f64;
        write!(
            f,
            "at 95 %, fewer than {bound:.1e} of the writes lead to a read older than promised"
        )
    }
}
