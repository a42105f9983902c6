//! What the benchmarks share.

use std::time::{Duration, Instant};

/// How often each side of a comparison is timed.
const ROUNDS: usize = 201;

/// Two ways of doing the same, timed in turns so that a change of the machine's speed hits both.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    /// What one of ours takes: the median of the rounds.
    pub ours: Duration,
    /// What one of theirs takes: the median of the rounds.
    pub theirs: Duration,
    /// How many of ours fit into one of theirs: the median of the rounds' ratios.
    pub ratio: f64,
}

/// Compares two closures, each of which does the same thing `count` times.
pub fn compare(count: u32, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> Comparison {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed() / count
    };
    let (mut us, mut them, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms up and does not count.
    for round in 0..=ROUNDS {
        let (one, other) = (time(&mut ours), time(&mut theirs));
        if round > 0 {
            us.push(one);
            them.push(other);
            ratios.push(other.as_secs_f64() / one.as_secs_f64());
        }
    }
    us.sort();
    them.sort();
    ratios.sort_by(f64::total_cmp);
    Comparison {
        ours: us[ROUNDS / 2],
        theirs: them[ROUNDS / 2],
        ratio: ratios[ROUNDS / 2],
    }
}
