//! Faults, one after the other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Causes each of `faults` once, then again in the same order until `duration` has passed; returns
/// how often each was caused. On a slow machine it takes longer, and still causes each once.
pub async fn in_turn<F: Copy + Ord>(
    faults: impl AsRef<[F]>,
    duration: Duration,
    mut cause: impl AsyncFnMut(F),
) -> BTreeMap<F, usize> {
    let faults = faults.as_ref();
    let mut counts = BTreeMap::new();
    let begun = Instant::now();
    for (number, fault) in faults.iter().copied().cycle().enumerate() {
        if number >= faults.len() && begun.elapsed() >= duration {
            break;
        }
        cause(fault).await;
        *counts.entry(fault).or_default() += 1;
    }
    counts
}
