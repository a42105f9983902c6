//! A flood of `All` while hot keys are read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_runtime::{Bus, CoherentCache, Evict};
use support::Server;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::number::{float, percentile};
use crate::publisher::Publisher;
use crate::table::Table;
use crate::{UserEvent, Users, scale, seconds};

/// The keys that are read, in turn.
const KEYS: u64 = 10;
const READS_PER_SECOND: u64 = 10_000;
/// What a load waits for.
const LOAD: Duration = Duration::from_millis(5);
/// A busy machine must not make the cache go down.
const LEASE: Duration = Duration::from_mins(1);
/// The loads of a key for one `All`, at most: that begin before, while and after the caches of the channel are
/// told of it.
const LOADS_FOR_ONE: u64 = 3;

struct Storm {
    cache: CoherentCache<u64, u64>,
    /// The loads in flight of each key, and the most of one key so far.
    running: Vec<AtomicU64>,
    most: AtomicU64,
    loads: AtomicU64,
}

impl Storm {
    async fn read(&self, key: u64) -> Duration {
        let begun = Instant::now();
        self.cache.get_or_load(&key, || self.load(key)).await;
        begun.elapsed()
    }

    /// All read while the cache is empty, and nothing is evicted.
    async fn begins_one_load_per_key(&'static self) {
        let mut reading = JoinSet::new();
        for number in 0..100 * KEYS {
            reading.spawn(self.read(number % KEYS));
        }
        reading.join_all().await;
        assert_eq!(self.loads.load(Ordering::Relaxed), KEYS);
    }

    async fn load(&self, key: u64) -> u64 {
        let running = &self.running[usize::try_from(key).expect("few")];
        let loads = running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(loads, Ordering::Relaxed);
        self.loads.fetch_add(1, Ordering::Relaxed);
        sleep(LOAD).await;
        running.fetch_sub(1, Ordering::Relaxed);
        key
    }
}

pub(crate) async fn run() {
    let server = Server::start().await;
    let bus = Bus::redis(server.url()).lease(LEASE).connect().await;
    let bus = bus.expect("the server is there");
    let users = Users::new(&bus);
    let cache = CoherentCache::builder("users", Duration::from_hours(1));
    let cache = cache.evict_on(&users, |event| match event {
        UserEvent::User { user_id } => Evict::key(*user_id),
        UserEvent::All => Evict::All,
    });
    let storm: &Storm = Box::leak(Box::new(Storm {
        cache: cache.build().expect("usable settings"),
        running: (0..KEYS).map(|_| AtomicU64::new(0)).collect(),
        most: AtomicU64::new(0),
        loads: AtomicU64::new(0),
    }));
    bus.ready().await.expect("a healthy server");
    storm.begins_one_load_per_key().await;
    let mut publisher = Publisher::start(&server.url());
    let mut table = Table::new(
        "storm",
        &[
            "`All`/s asked for",
            "`All`/s",
            "reads/s",
            "loads/s",
            "reads, p50, µs",
            "reads, p99, µs",
            "loads of a key in flight, most",
        ],
    );
    for rate in scale("FLUSHES", 10_000) {
        storm.loads.store(0, Ordering::Relaxed);
        storm.most.store(0, Ordering::Relaxed);
        publisher.begin(rate, seconds(), r#"{"type":"all"}"#).await;
        let (mut times, time) = reads(storm).await;
        let (flushes, rate_of_all) = publisher.end().await;
        let per_second = |number: u64| float(number) / time.as_secs_f64();
        let read = per_second(times.len() as u64);
        let loads = storm.loads.load(Ordering::Relaxed);
        assert!(
            loads <= KEYS * (1 + LOADS_FOR_ONE * flushes),
            "{loads} loads of {KEYS} keys for {flushes} times `All`"
        );
        let loaded = per_second(loads);
        let (p50, p99) = (
            1e3 * percentile(&mut times, 0.5),
            1e3 * percentile(&mut times, 0.99),
        );
        let most = float(storm.most.load(Ordering::Relaxed));
        table.row(&[float(rate), rate_of_all, read, loaded, p50, p99, most]);
    }
    table.draw(&[&[2, 3], &[4, 5], &[6]]);
}

/// Reads hot keys at a rate, whether or not earlier reads have ended.
async fn reads(storm: &'static Storm) -> (Vec<Duration>, Duration) {
    let begun = Instant::now();
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut reading, mut times, mut number) = (JoinSet::new(), Vec::new(), 0);
    while begun.elapsed() < seconds() {
        ticks.tick().await;
        while float(number) < float(READS_PER_SECOND) * begun.elapsed().as_secs_f64() {
            reading.spawn(storm.read(number % KEYS));
            number += 1;
        }
        while let Some(read) = reading.try_join_next() {
            times.push(read.expect("readers do not panic"));
        }
    }
    times.extend(reading.join_all().await);
    (times, begun.elapsed())
}
