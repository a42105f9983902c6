//! What the benchmarks share.

use std::fmt;
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

/// How long the whole of a closure takes.
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
    /// A contest in which everybody does the same thing `count` times a round.
    #[must_use]
    pub fn new(count: u32) -> Self {
        Self {
            count,
            contenders: Vec::new(),
        }
    }

    /// Enters somebody who says how long a round took: what is to be prepared before it or cleared
    /// away after it need not count.
    pub fn enter(&mut self, name: &'static str, run: impl FnMut() -> Duration + 'a) {
        self.contenders.push((name, Box::new(run)));
    }

    /// Times everybody once a round.
    #[must_use]
    pub fn run(mut self, rounds: usize) -> Times {
        let all = self.contenders.len();
        let mut times = vec![Vec::with_capacity(rounds); all];
        // The first round warms up and does not count.
        for round in 0..=rounds {
            for turn in 0..all {
                // Nobody always follows the same one, whose leavings are in the processor's caches.
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

/// What one of everybody's took, in seconds, round by round.
#[derive(Debug, Clone)]
pub struct Times(Vec<(&'static str, Vec<f64>)>);

impl Times {
    /// How many seconds one takes: the median of the rounds.
    ///
    /// # Panics
    ///
    /// When nobody has entered under this name.
    #[must_use]
    pub fn median(&self, name: &str) -> f64 {
        median(self.rounds(name).to_vec())
    }

    /// How many times as long as one of `other` one of `name` takes: the median of the rounds'
    /// ratios.
    ///
    /// # Panics
    ///
    /// When nobody has entered under one of the names.
    #[must_use]
    pub fn ratio(&self, name: &str, other: &str) -> f64 {
        median(self.pairs(name, other).map(|(a, b)| a / b).collect())
    }

    /// How many seconds longer than one of `other` one of `name` takes: the median of the rounds'
    /// differences.
    ///
    /// # Panics
    ///
    /// When nobody has entered under one of the names.
    #[must_use]
    pub fn surplus(&self, name: &str, other: &str) -> f64 {
        median(self.pairs(name, other).map(|(a, b)| a - b).collect())
    }

    /// Everybody, in the order in which they have entered.
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

/// The middle one of at least one value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
