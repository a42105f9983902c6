//! Finds what a subscriber has lost, and whether an `All` covers it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Instant;

/// An event that the server acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acknowledged {
    pub(super) id: u64,
    /// The time just before it was sent.
    pub(super) sent: Instant,
}

/// What a subscriber received: an event, or `All` if there is no id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: Option<u64>,
    pub(super) at: Instant,
}

/// The result of an audit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) acknowledged: usize,
    pub(super) seen: usize,
    pub(super) lost: usize,
    pub(super) uncovered: Vec<u64>,
    pub(super) alls: usize,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            acknowledged,
            seen,
            lost,
            uncovered,
            alls,
        } = self;
        write!(
            f,
            "acknowledged {acknowledged}, seen {seen}, lost {lost}, covered {}, uncovered {}, \
             `All` {alls}",
            lost - uncovered.len(),
            uncovered.len()
        )
    }
}

/// Compares what was acknowledged, publisher by publisher, with a subscriber's log.
///
/// A publisher waits for each acknowledgement before it sends more, so the server has its
/// events in this order. A lost event is covered by an `All` in the log
/// - that comes after the last event that was seen before the lost one, and is not older than the
///   lost one: any other `All` reports an earlier loss;
/// - that comes before the first event that was seen after the lost one while the channel was
///   `live`. While it is not live, the subscriber knows that events may be missing.
pub(super) fn audit(
    publishers: &[Vec<Acknowledged>],
    live: &HashSet<u64>,
    log: &[Entry],
) -> Verdict {
    let mut positions = HashMap::new();
    for (position, entry) in log.iter().enumerate() {
        if let Some(id) = entry.id {
            positions.entry(id).or_insert(position);
        }
    }
    let alls: Vec<_> = (0..log.len()).filter(|&i| log[i].id.is_none()).collect();
    let latest_all = |after: usize, before: usize| {
        let at = *alls[..alls.partition_point(|&at| at < before)].last()?;
        (at >= after).then(|| log[at].at)
    };
    let mut verdict = Verdict {
        acknowledged: publishers.iter().map(Vec::len).sum(),
        seen: 0,
        lost: 0,
        uncovered: Vec::new(),
        alls: alls.len(),
    };
    for events in publishers {
        // From the last event to the first, starting at the end of the log.
        let mut before = log.len();
        let mut gap: Vec<Acknowledged> = Vec::new();
        // `None` stands for the beginning of the log.
        for event in events.iter().rev().map(Some).chain([None]) {
            let after = event.map_or(Some(0), |event| positions.get(&event.id).copied());
            let Some(after) = after else {
                gap.extend(event);
                continue;
            };
            let latest = latest_all(after, before);
            for lost in gap.drain(..) {
                verdict.lost += 1;
                if latest.is_none_or(|at| at < lost.sent) {
                    verdict.uncovered.push(lost.id);
                }
            }
            if let Some(event) = event {
                verdict.seen += 1;
                if live.contains(&event.id) {
                    before = after;
                }
            }
        }
    }
    verdict
}

/// Checks that the audit finds losses.
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The uncovered events of one publisher, which are sent at the second of their number. `given`
    /// is the log: the second, and the event or `None` for `All`.
    fn uncovered(sent: &[u64], dead: &[u64], given: &[(u64, Option<u64>)]) -> Vec<u64> {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let events = sent.iter().map(|&id| Acknowledged { id, sent: at(id) });
        let live = sent.iter().copied().filter(|id| !dead.contains(id));
        let log = given
            .iter()
            .map(|&(second, id)| Entry { id, at: at(second) });
        let log: Vec<_> = log.collect();
        audit(&[events.collect()], &live.collect(), &log).uncovered
    }

    fn is_covered(sent: &[u64], dead: &[u64], given: &[(u64, Option<u64>)]) -> bool {
        uncovered(sent, dead, given).is_empty()
    }

    #[test]
    fn finds_a_loss_that_nobody_was_told_of() {
        let log = [(1, Some(1)), (3, Some(3))];
        assert_eq!(uncovered(&[1, 2, 3], &[], &log), [2]);
        assert_eq!(uncovered(&[1, 2, 3, 4], &[], &log), [4, 2]);
        assert_eq!(uncovered(&[1, 2, 3], &[3], &log), [2]);
    }

    #[test]
    fn accepts_a_loss_with_an_all_in_its_place() {
        let log = [(1, Some(1)), (3, None), (3, Some(3))];
        assert!(is_covered(&[1, 2, 3], &[], &log));
        assert!(is_covered(&[1, 2, 3], &[], &[(4, None)]));
        assert!(is_covered(&[1, 2], &[], &[(1, Some(1)), (9, None)]));
    }

    #[test]
    fn does_not_accept_an_all_that_came_too_late() {
        let log = [(1, Some(1)), (3, Some(3)), (4, None)];
        assert_eq!(uncovered(&[1, 2, 3], &[], &log), [2]);
    }

    #[test]
    fn accepts_it_after_events_that_came_while_the_channel_was_not_live() {
        let log = [(1, Some(1)), (3, Some(3)), (4, None), (5, Some(5))];
        assert!(is_covered(&[1, 2, 3, 5], &[3], &log));
        let log = [(1, Some(1)), (3, Some(3)), (4, Some(4)), (5, None)];
        assert_eq!(uncovered(&[1, 2, 3, 4], &[3], &log), [2]);
    }

    #[test]
    fn does_not_accept_an_all_that_came_too_early() {
        let log = [(0, None), (1, Some(1)), (3, Some(3))];
        assert_eq!(uncovered(&[1, 2, 3], &[], &log), [2]);
        let log = [(1, Some(1)), (4, None), (6, Some(6))];
        assert_eq!(uncovered(&[1, 5, 6], &[], &log), [5]);
    }
}
