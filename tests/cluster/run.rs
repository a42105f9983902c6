//! One torture run: processes that read, a writer, and the audit of every read.

use std::env;
use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use support::eventually;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::audit::{Verdict, audit};
use crate::caches::Kind;
use crate::place::Place;
use crate::reader::Reader;
use crate::source::{Folder, Source};
use crate::staleness::{Staleness, Timeline};
use crate::writer::{self, Counts, Progress, Written};

/// The seed of all random choices; the variable `TORTURE_SEED` overrides it.
const SEED: u64 = 1;

/// For how long nothing is done at first, unless faults are to go on for a given time: then for a quarter of
/// that.
const HEALTHY: Duration = Duration::from_secs(1);

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().expect("it is to be a number"))
}

/// How long faults go on, after each was caused once; the variable `TORTURE_SECONDS` says otherwise.
pub(crate) fn duration(default: Duration) -> Duration {
    asked_for().unwrap_or(default)
}

fn asked_for() -> Option<Duration> {
    number("TORTURE_SECONDS").map(Duration::from_secs)
}

/// What is needed to read in other processes, and to write in this one.
#[derive(Debug)]
pub(crate) struct Run {
    /// The test, by the name that `cargo test` prints.
    test: &'static str,
    /// Its module, for what is printed.
    name: &'static str,
    pub(crate) folder: Folder,
    seed: u64,
    pub(crate) readers: Vec<Reader>,
    writer: Option<JoinHandle<Written>>,
    begun: Instant,
    timeline: Timeline,
    progress: Arc<Progress>,
}

/// What was read by one process of one kind of cache.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) reader: &'static str,
    pub(crate) kind: Kind,
    pub(crate) verdict: Verdict,
}

impl Run {
    pub(crate) fn new(test: &'static str) -> Self {
        let seed = number("TORTURE_SEED").unwrap_or(SEED);
        let name = test.rsplit("::").nth(1).unwrap_or(test);
        println!("{name}: seed {seed}");
        Self {
            test,
            name,
            folder: Folder::create(&test.replace("::", "-")),
            seed,
            readers: Vec::new(),
            writer: None,
            begun: Instant::now(),
            timeline: Timeline::default(),
            progress: Arc::default(),
        }
    }

    /// Says what happens.
    pub(crate) fn step(&self, what: impl Display) {
        println!("{}: {:4.1?}: {what}", self.name, self.begun.elapsed());
    }

    /// Says that a fault begins. What follows counts for it.
    pub(crate) fn fault(&mut self, fault: impl Debug) {
        self.step(format_args!("{fault:?}"));
        self.timeline.fault(fault);
    }

    /// Waits until events are proven to arrive at every reader.
    pub(crate) async fn live(&mut self) {
        for reader in &mut self.readers {
            reader.live().await;
        }
        self.step("live");
    }

    /// Waits until caches are filled, and a publication was confirmed again.
    pub(crate) async fn calm(&mut self) {
        self.live().await;
        let confirmed = || self.progress.confirmed.load(Ordering::Relaxed);
        let before = confirmed();
        for reader in &mut self.readers {
            reader.filled().await;
        }
        self.step("filled");
        let since = async || confirmed() - before;
        eventually("a confirmation", since, |since| *since > 0).await;
    }

    /// Starts the processes, and the writer, and lets them go on for a while. A reader makes so many
    /// `reads` between two pauses.
    pub(crate) async fn start(
        &mut self,
        readers: &[(&'static str, &Place)],
        writer: &Place,
        reads: usize,
    ) {
        let source = Source::create(self.folder.path());
        for (number, (name, place)) in (1..).zip(readers) {
            let seed = self.seed.wrapping_add(number);
            let reader = Reader::start(self.test, name, place, self.folder.path(), seed, reads);
            self.readers.push(reader.await);
        }
        let (builder, seed) = (writer.builder(), self.seed);
        let progress = Arc::clone(&self.progress);
        self.writer = Some(tokio::spawn(async move {
            writer::write(builder, source, seed, &progress).await
        }));
        self.timeline.well();
        sleep(asked_for().map_or(HEALTHY, |faults| faults / 4)).await;
    }

    /// Ends everything, prints what there was, and checks that no read was too old.
    pub(crate) async fn end(mut self, faults: &impl Debug) -> (Counts, Vec<Finding>) {
        self.live().await;
        self.progress.stop.store(true, Ordering::Relaxed);
        let writer = self.writer.take().expect("it was started");
        let written = writer.await.expect("the writer does not panic");
        let test = self.name;
        println!("{test}: {faults:?}");
        let counts = written.counts;
        let [keys, groups, everything] = counts.publishes;
        println!(
            "{test}: acknowledged {keys} times a key, {groups} a prefix, {everything} everything, of \
             which {} were confirmed; {} failed, of which {} were sent later",
            counts.confirmed, counts.failures, counts.deferred,
        );
        let mut findings = Vec::new();
        let mut staleness = Staleness::new(self.timeline);
        // Reads while a cache was known to be down, and of what was confirmed: how many, and how many
        // were served or old.
        let (mut down, mut confirmed) = ([0, 0], [0, 0]);
        for reader in self.readers {
            let name = reader.name;
            let report = reader.finish().await;
            println!(
                "{test}: {name}: {} hits in the memory of the cache in Redis",
                report.memory_hits
            );
            assert!(report.memory_hits > 0);
            staleness.count(&report.reads, &written.acknowledged);
            for kind in Kind::ALL {
                let bound = kind.bound();
                let verdict = audit(kind, &report.reads, &written.acknowledged, bound);
                let bound = Duration::from_nanos(bound);
                println!("{test}: {name}, {kind:?}, {bound:?}: {verdict}");
                // A cache that is told to go on without events is not waited for.
                if !kind.goes_on() {
                    let verdict = audit(kind, &report.reads, &written.confirmed, 0);
                    println!("{test}: {name}, {kind:?}, confirmed: {verdict}");
                    confirmed[0] += verdict.reads;
                    confirmed[1] += verdict.stale;
                    none_too_old(name, kind, &verdict);
                }
                if kind == Kind::Bypass {
                    down[0] += verdict.away.hits + verdict.away.loads;
                    down[1] += verdict.while_down;
                }
                findings.push(Finding {
                    reader: name,
                    kind,
                    verdict,
                });
            }
        }
        staleness.print(test);
        println!(
            "{test}: of {} reads of a cache in memory that was down, it answered {}; of {} reads, {} were \
             older than a confirmed event\n",
            down[0], down[1], confirmed[0], confirmed[1]
        );
        for finding in &findings {
            let Finding {
                reader,
                kind,
                verdict,
            } = finding;
            none_too_old(reader, *kind, verdict);
            assert_eq!(
                verdict.while_down, 0,
                "{reader}, {kind:?} serves while it is down"
            );
            // Without hits, the run would prove nothing.
            assert!(verdict.live.hits > 0, "{reader}, {kind:?} does not cache");
        }
        let acknowledged = counts.publishes.iter().sum::<usize>();
        assert!(acknowledged > 0 && counts.confirmed > 0);
        (counts, findings)
    }
}

impl Run {
    /// As [`end`](Self::end), after faults that every reader has to notice.
    pub(crate) async fn end_of_losses(mut self, faults: &impl Debug) -> Counts {
        for reader in &mut self.readers {
            // Not whether there were reads meanwhile, because the loss may be over at once.
            let expected = format!("{} to notice the faults", reader.name);
            let flushes = async || reader.flushes().await;
            eventually(&expected, flushes, |flushes| *flushes > 0).await;
        }
        self.end(faults).await.0
    }
}

fn none_too_old(reader: &str, kind: Kind, verdict: &Verdict) {
    let first = &verdict.violations[..verdict.violations.len().min(5)];
    assert!(first.is_empty(), "{reader}, {kind:?}: {first:#?} …");
}
