//! The generation of a store's entries. It advances when everything is evicted.

use super::line::Line;
use super::sync::{AtomicU64, Ordering};
use crate::counters::Cause;

/// Apart from neighbours that are written often, because every read looks at it.
///
/// The upper bits count. The lower ones hold why it has advanced of late, the latest in front, so
/// that entries of an old generation can be counted when they are dropped.
pub(super) struct Generation(Line<AtomicU64>);

const CAUSES: [Cause; 4] = [Cause::Event, Cause::Flush, Cause::Removed, Cause::Removed];
const BITS: u32 = CAUSES.len().ilog2();
/// How many causes are held. Of a part of the store that is further behind, the oldest of them
/// counts.
const HELD: u32 = 12;

impl Generation {
    pub(super) fn new() -> Self {
        Self(Line::new(AtomicU64::new(0)))
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    #[inline]
    pub(super) fn advance(&self, cause: Cause) {
        let cause = match cause {
            Cause::Event => 0,
            Cause::Flush => 1,
            _ => 2,
        };
        let held = HELD * BITS;
        let next = |now: u64| {
            let count = (now >> held).wrapping_add(1) << held;
            let causes = (now << BITS | cause) & ((1 << held) - 1);
            Some(count | causes)
        };
        // It always returns a number.
        let _ = (self.0).fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
    }
}

/// Why everything of an old generation was evicted: why the one after it has begun.
pub(super) fn ended_by(old: u64, now: u64) -> Cause {
    let held = HELD * BITS;
    let behind = (now >> held)
        .wrapping_sub(old >> held)
        .clamp(1, HELD.into());
    let [cause, ..] = (now >> (u64::from(BITS) * (behind - 1))).to_le_bytes();
    CAUSES[usize::from(cause) % CAUSES.len()]
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn what_ended_it_is_known() {
        let generation = Generation::new();
        let mut seen = vec![generation.get()];
        let causes = [Cause::Event, Cause::Flush, Cause::Removed, Cause::Flush];
        for cause in causes.iter().cycle().take(100) {
            generation.advance(*cause);
            seen.push(generation.get());
        }
        let held = HELD as usize;
        for (old, cause) in causes.iter().cycle().take(100).enumerate() {
            let newer = seen.iter().skip(old + 1).take(held);
            for now in newer {
                assert_eq!(ended_by(seen[old], *now), *cause);
            }
        }
    }
}
