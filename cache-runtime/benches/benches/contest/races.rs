//! Events that overtake loads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::Server;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use super::contender::{Contender, Reader, Writer};

const READERS: usize = 4;
const KEYS: usize = 200;
/// How many values are written at once.
const BATCH: usize = 8;
/// How long a round writes.
const WRITING: Duration = Duration::from_secs(1);
/// What is stale after this time is likely to stay so.
const QUIET: Duration = Duration::from_millis(300);
/// How much longer loads take in the second race.
pub(crate) const LATE: Duration = Duration::from_millis(2);
/// One of so many reads is compared with what had been written before it.
const SAMPLED: usize = 16;
/// How often the database is emptied, for one round of the other race.
const EMPTIED: usize = 10;

/// What a read returned, when it began.
struct Sample {
    began: Duration,
    key: usize,
    value: u64,
}

/// The writes of a key: when each was over, and its value, which grows.
type Written = Vec<(Duration, u64)>;

#[derive(Default)]
struct Stale {
    keys: usize,
    of: usize,
    oldest: Duration,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oldest = self.oldest.as_secs_f64() * 1000.0;
        write!(f, "{} of {}, {oldest:.1} ms", self.keys, self.of)
    }
}

fn key(number: usize) -> String {
    format!("overtaken:{number}")
}

/// Reads all keys over and over while they are written; then, when it is quiet, compares each with the
/// database.
pub(crate) async fn overtaken<C: Contender>(
    server: &Server,
    rounds: usize,
    late: Option<Duration>,
) -> String {
    let mut stale = Stale::default();
    for round in 1..=rounds as u64 {
        let url = server.url();
        let mut reader = C::reader(&url, &url, late).await;
        let mut writer = C::writer(&url, &url).await;
        let origin = Instant::now();
        let stop = Arc::new(AtomicBool::new(false));
        let mut reading = JoinSet::new();
        for number in 0..READERS {
            let (reader, stop) = (reader.clone(), Arc::clone(&stop));
            reading.spawn(read(reader, number * 37, origin, stop));
        }
        // Greater than every value of the rounds before.
        let written = write(&mut writer, round << 32, origin).await;
        stop.store(true, Ordering::Relaxed);
        for samples in reading.join_all().await {
            let ages = samples.iter().filter_map(|sample| age(sample, &written));
            stale.oldest = stale.oldest.max(ages.max().unwrap_or_default());
        }
        sleep(QUIET).await;
        for number in 0..KEYS {
            let cached = reader.read(&key(number)).await.expect("it can be read");
            stale.of += 1;
            stale.keys += usize::from(cached != writer.truth(&key(number)).await);
        }
    }
    stale.to_string()
}

async fn read<R: Reader>(
    mut reader: R,
    first: usize,
    origin: Instant,
    stop: Arc<AtomicBool>,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    for count in first.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let number = count % KEYS;
        let began = count.is_multiple_of(SAMPLED).then(|| origin.elapsed());
        let value = reader.read(&key(number)).await.expect("it can be read");
        samples.extend(began.map(|began| Sample {
            began,
            key: number,
            value: value.unwrap_or_default(),
        }));
        if count.is_multiple_of(64) {
            yield_now().await;
        }
    }
    samples
}

async fn write<W: Writer>(writer: &mut W, base: u64, origin: Instant) -> Vec<Written> {
    let mut written = vec![Written::new(); KEYS];
    let begun = Instant::now();
    let mut next = 0;
    while begun.elapsed() < WRITING {
        let batch: Vec<_> = (next..next + BATCH)
            .map(|count| (key(count % KEYS), base + count as u64 + 1))
            .collect();
        writer.write(&batch).await.expect("it can be written");
        let over = origin.elapsed();
        for (count, (_, value)) in (next..).zip(batch) {
            written[count % KEYS].push((over, value));
        }
        next += BATCH;
    }
    written
}

/// How long what was read had been stale.
fn age(sample: &Sample, written: &[Written]) -> Option<Duration> {
    let writes = &written[sample.key];
    let newer = writes.partition_point(|(_, value)| *value <= sample.value);
    let (over, _) = writes.get(newer)?;
    sample.began.checked_sub(*over)
}

/// Empties the database while keys are read that are not cached yet.
pub(crate) async fn emptied<C: Contender>(server: &Server, rounds: usize) -> String {
    let (mut stale, mut of) = (0, 0);
    for _ in 0..rounds * EMPTIED {
        let url = server.url();
        let mut reader = C::reader(&url, &url, None).await;
        let mut writer = C::writer(&url, &url).await;
        let values: Vec<_> = (0..KEYS).map(|number| (key(number), 1)).collect();
        writer.write(&values).await.expect("it can be written");
        let mut reading = JoinSet::new();
        for number in 0..KEYS {
            let mut reader = reader.clone();
            reading.spawn(async move { reader.read(&key(number)).await });
        }
        let emptying = tokio::spawn(async move { writer.clear().await });
        for read in reading.join_all().await {
            read.expect("it can be read");
        }
        emptying.await.expect("it does not panic");
        sleep(QUIET / 6).await;
        for number in 0..KEYS {
            let cached = reader.read(&key(number)).await.expect("it can be read");
            of += 1;
            stale += usize::from(cached.is_some());
        }
    }
    format!("{stale} of {of}")
}
