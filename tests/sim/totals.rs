//! The sums over all runs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::faults::Fault;
use crate::ledger::Outcome;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) runs: u64,
    events: u64,
    delivered: u64,
    faults: BTreeMap<Fault, Count>,
    slowest_recovery: Duration,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    times: u64,
    /// Events lost while this was the latest fault.
    lost: u64,
    /// Of these, in runs without any other kind of fault.
    lost_alone: u64,
}

impl Totals {
    pub(crate) fn add(
        &mut self,
        struck: &[Fault],
        only: bool,
        recovery: Duration,
        outcomes: impl Iterator<Item = Outcome>,
    ) {
        self.runs += 1;
        self.slowest_recovery = self.slowest_recovery.max(recovery);
        for fault in struck {
            self.faults.entry(*fault).or_default().times += 1;
        }
        for outcome in outcomes {
            self.events += 1;
            match outcome {
                Outcome::Delivered => self.delivered += 1,
                Outcome::Lost(fault) => {
                    let count = self.faults.entry(fault).or_default();
                    count.lost += 1;
                    count.lost_alone += u64::from(only);
                }
                Outcome::Vanished => panic!("the world lost an event and does not know how"),
            }
        }
    }

    /// Asserts that every fault has lost events by itself; otherwise the simulation proves nothing.
    pub(crate) fn assert_that_every_fault_hurt(&self) {
        for fault in Fault::ALL {
            let count = self.faults.get(&fault);
            assert!(
                count.is_some_and(|count| count.times > 0 && count.lost_alone > 0),
                "{fault:?} lost nothing by itself: {count:?}"
            );
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost: u64 = self.faults.values().map(|count| count.lost).sum();
        writeln!(
            f,
            "{} runs: {} events, {} delivered, {lost} lost, each followed by a flush; live again \
             {:?} after the last fault at the latest",
            self.runs, self.events, self.delivered, self.slowest_recovery
        )?;
        for (fault, count) in &self.faults {
            writeln!(
                f,
                "{:>14}: {:>6} times, {:>7} lost, {:>6} of them without other faults",
                format!("{fault:?}"),
                count.times,
                count.lost,
                count.lost_alone
            )?;
        }
        Ok(())
    }
}
