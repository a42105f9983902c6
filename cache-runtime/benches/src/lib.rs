//! Helpers of the benchmarks: timing several ways of doing the same in turns.

use std::fmt;
use std::time::{Duration, Instant};

/// How often each side of a comparison is timed, without the warm-up.
const ROUNDS: usize = 201;

/// Two ways of doing the same. They are timed in turns, so that a change of the machine's speed
/// affects both.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    /// The time of one operation of ours: the median of the rounds.
    pub ours: Duration,
    /// The time of one operation of theirs: the median of the rounds.
    pub theirs: Duration,
    /// Their time divided by ours: the median of the rounds' ratios.
    pub ratio: f64,
}

/// Compares two closures, each of which does the same thing `count` times.
pub fn compare(count: u32, ours: impl FnMut(), theirs: impl FnMut()) -> Comparison {
    let mut contest = Contest::new(count);
    contest.enter("ours", timed(ours));
    contest.enter("theirs", timed(theirs));
    let times = contest.run(ROUNDS);
    Comparison {
        ours: Duration::from_secs_f64(times.median("ours")),
        theirs: Duration::from_secs_f64(times.median("theirs")),
        ratio: times.ratio("theirs", "ours"),
    }
}

/// Wraps a closure so that it returns the time that it takes.
pub fn timed(mut run: impl FnMut()) -> impl FnMut() -> Duration {
    move || {
        let start = Instant::now();
        run();
        start.elapsed()
    }
}

/// Several ways of doing the same, timed in turns.
pub struct Contest<'a> {
    count: u32,
    contenders: Vec<Contender<'a>>,
}

type Contender<'a> = (&'static str, Box<dyn FnMut() -> Duration + 'a>);

impl<'a> Contest<'a> {
    /// A contest in which each contender does the same thing `count` times per round.
    #[must_use]
    pub fn new(count: u32) -> Self {
        Self {
            count,
            contenders: Vec::new(),
        }
    }

    /// Adds a contender, which returns the time of a round. Preparation and clean-up need not
    /// count.
    pub fn enter(&mut self, name: &'static str, run: impl FnMut() -> Duration + 'a) {
        self.contenders.push((name, Box::new(run)));
    }

    /// Times every contender once per round.
    #[must_use]
    pub fn run(mut self, rounds: usize) -> Times {
        let all = self.contenders.len();
        let mut times = vec![Vec::with_capacity(rounds); all];
        // The first round warms up and does not count.
        for round in 0..=rounds {
            for turn in 0..all {
                // The order changes, because a contender finds the processor's caches as the one
                // before it has left them.
                let contender = if round % 2 == 0 { turn } else { all - 1 - turn };
                let contender = (contender + round) % all;
                let time = self.contenders[contender].1();
                if round > 0 {
                    times[contender].push(time.as_secs_f64() / f64::from(self.count));
                }
            }
        }
        let names = self.contenders.into_iter().map(|(name, _)| name);
        Times(names.zip(times).collect())
    }
}

impl fmt::Debug for Contest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.contenders.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// The time of one operation of each contender, in seconds, round by round.
#[derive(Debug, Clone)]
pub struct Times(Vec<(&'static str, Vec<f64>)>);

impl Times {
    /// The time of one operation, in seconds: the median of the rounds.
    ///
    /// # Panics
    ///
    /// If there is no contender of this name.
    #[must_use]
    pub fn median(&self, name: &str) -> f64 {
        median(self.rounds(name).to_vec())
    }

    /// The time of `name` divided by that of `other`: the median of the rounds' ratios.
    ///
    /// # Panics
    ///
    /// If there is no contender of one of the names.
    #[must_use]
    pub fn ratio(&self, name: &str, other: &str) -> f64 {
        median(self.pairs(name, other).map(|(a, b)| a / b).collect())
    }

    /// The time of `name` minus that of `other`, in seconds: the median of the rounds' differences.
    ///
    /// # Panics
    ///
    /// If there is no contender of one of the names.
    #[must_use]
    pub fn surplus(&self, name: &str, other: &str) -> f64 {
        median(self.pairs(name, other).map(|(a, b)| a - b).collect())
    }

    /// The names of the contenders, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    fn pairs(&self, name: &str, other: &str) -> impl Iterator<Item = (f64, f64)> {
        let rounds = self.rounds(name).iter().zip(self.rounds(other));
        rounds.map(|(a, b)| (*a, *b))
    }

    fn rounds(&self, name: &str) -> &[f64] {
        let times = self.0.iter().find(|(entered, _)| *entered == name);
        &times.expect("somebody of this name has entered").1
    }
}

/// What a share of the times, from 0 to 1, do not exceed.
///
/// # Panics
///
/// If there are no times. They have to be sorted.
#[must_use]
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted[index.min(sorted.len() - 1)]
}

/// The median.
///
/// # Panics
///
/// If there are no values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
