//! Finds how old the values were that were read.

use std::fmt;
use std::time::Duration;

use crate::caches::Kind;
use crate::clock::Nanos;
use crate::log::Read;
use crate::writer::Acknowledged;

/// The result for the reads of one cache.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) reads: usize,
    /// Reads while events were proven to arrive: hits and loads.
    pub(crate) live: Split,
    /// Reads while events were not proven to arrive.
    pub(crate) away: Split,
    /// Reads that were answered from memory although the cache was known to be down.
    pub(crate) while_down: usize,
    /// Reads of values older than an acknowledged publish.
    pub(crate) stale: usize,
    /// The age of the oldest such value.
    pub(crate) oldest: Nanos,
    /// Reads of values older than the bound, with their age.
    pub(crate) violations: Vec<(Read, Nanos)>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) hits: usize,
    pub(crate) loads: usize,
}

impl Split {
    fn count(&mut self, loaded: bool) {
        *(if loaded {
            &mut self.loads
        } else {
            &mut self.hits
        }) += 1;
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            reads,
            live,
            away,
            while_down,
            stale,
            oldest,
            violations,
        } = self;
        write!(
            f,
            "{reads} reads; live: {} hits, {} loads; not live: {} hits, {} loads; \
             {while_down} served while known to be down; {stale} stale, the oldest by {:.1?}; {} too old",
            live.hits,
            live.loads,
            away.hits,
            away.loads,
            Duration::from_nanos(*oldest),
            violations.len(),
        )
    }
}

/// When the first publish was acknowledged whose value a read has not seen; `None` if that was after the
/// read had begun.
pub(crate) fn missed(read: &Read, acknowledged: &[Vec<Acknowledged>]) -> Option<Nanos> {
    let publishes = &acknowledged[usize::from(read.key)];
    let unseen = publishes.partition_point(|seen| seen.number <= u64::from(read.number));
    let at = publishes.get(unseen)?.at;
    (at <= read.at).then_some(at)
}

/// Audits the reads of one kind of cache.
///
/// The age of a read is the time from the acknowledgement that it has [missed] to its beginning.
pub(crate) fn audit(
    kind: Kind,
    reads: &[Read],
    acknowledged: &[Vec<Acknowledged>],
    bound: Nanos,
) -> Verdict {
    let mut verdict = Verdict::default();
    for read in reads.iter().filter(|read| read.kind == kind) {
        verdict.reads += 1;
        let split = if read.live {
            &mut verdict.live
        } else {
            &mut verdict.away
        };
        split.count(read.loaded);
        verdict.while_down += usize::from(read.while_down);
        let Some(missed) = missed(read, acknowledged) else {
            continue;
        };
        let age = read.at - missed;
        verdict.stale += 1;
        verdict.oldest = verdict.oldest.max(age);
        if age >= bound {
            verdict.violations.push((*read, age));
        }
    }
    verdict
}

/// Checks that the audit finds stale reads.
#[cfg(test)]
mod tests {
    use super::*;

    /// The ages of the reads that are 10 or older. Each read is given by its time and number.
    fn too_old(acknowledged: &[(Nanos, u64)], reads: &[(Nanos, u32)]) -> Vec<Nanos> {
        let acknowledged = acknowledged.iter();
        let acknowledged = acknowledged.map(|&(at, number)| Acknowledged { number, at });
        let read = |&(at, number): &(Nanos, u32)| Read {
            at,
            number,
            key: 1,
            kind: Kind::Bypass,
            live: true,
            loaded: false,
            while_down: false,
        };
        let reads: Vec<_> = reads.iter().map(read).collect();
        let acknowledged = [Vec::new(), acknowledged.collect()];
        assert_eq!(audit(Kind::Redis, &reads, &acknowledged, 10).reads, 0);
        let verdict = audit(Kind::Bypass, &reads, &acknowledged, 10);
        assert_eq!(verdict.reads, reads.len());
        verdict.violations.into_iter().map(|(_, age)| age).collect()
    }

    #[test]
    fn finds_reads_that_are_too_old() {
        let acknowledged = [(100, 1), (200, 2), (205, 3)];
        assert_eq!(too_old(&acknowledged, &[(110, 0)]), [10]);
        assert_eq!(too_old(&acknowledged, &[(150, 0), (300, 0)]), [50, 200]);
        // It has missed two publishes, and the first counts.
        assert_eq!(too_old(&acknowledged, &[(212, 1)]), [12]);
        // It has missed the last publish only.
        assert_eq!(too_old(&acknowledged, &[(212, 2), (215, 2)]), [10]);
        // Numbers whose publish was not acknowledged are missing.
        assert_eq!(too_old(&[(100, 1), (200, 5)], &[(300, 3)]), [100]);
    }

    #[test]
    fn accepts_reads_that_are_not() {
        let acknowledged = [(100, 1), (200, 2), (205, 3)];
        let reads = [
            (99, 0),
            (109, 0),
            (150, 1),
            (209, 1),
            (214, 2),
            (1000, 3),
            // Ahead of its publish.
            (150, 2),
            (1000, 4),
        ];
        assert!(too_old(&acknowledged, &reads).is_empty());
        assert!(too_old(&[], &[(1000, 0)]).is_empty());
    }
}
