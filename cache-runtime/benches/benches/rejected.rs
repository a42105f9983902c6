//! What rejected messages cost a coherent cache: each evicts everything.
//!
//! ```sh
//! cargo bench -p benches --bench rejected
//! ```
//!
//! Two threads read 10,000 keys of a cache on an in-process bus, without and with 20 unknown
//! messages a second. Rounds of both alternate, so that a change of the machine's speed affects
//! both. Each figure is the median of its rounds. No time makes the benchmark fail.

use std::fs;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use benches::median;
use cache_runtime::__private::publish_raw;
use cache_runtime::service::Service;
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{interval, sleep};

#[derive(InvalidationEvent)]
enum UserEvent {
    User { user_id: u64 },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
struct Users;

type Cache = CoherentCache<u64, u64>;

const KEYS: u64 = 10_000;
const THREADS: u64 = 2;
const MESSAGES_PER_SECOND: u32 = 20;
const UNKNOWN: &[u8] = br#"{"type":"newer","userId":1}"#;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(2);
/// Reads between two looks at whether the round is over.
const BATCH: u64 = 32;
/// What a load waits for.
const WAITS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(1)];
/// Of Linux: the unit of the times in `/proc/self/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let runtime = runtime();
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let cache = Cache::builder("users", Duration::from_hours(1))
        .max_entries(2 * usize::try_from(KEYS).expect("few"))
        .evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(*user_id),
            UserEvent::All => Evict::All,
        })
        .build()
        .expect("valid settings");
    runtime.block_on(bus.ready()).expect("an in-process bus");
    for wait in WAITS {
        let mut rounds = Vec::new();
        // The first round warms up and does not count.
        for round in 0..=ROUNDS {
            let both = [0, MESSAGES_PER_SECOND].map(|messages| {
                fill(&runtime, &cache);
                measure(&runtime, &bus, &cache, wait, messages)
            });
            if round > 0 {
                rounds.push(both);
            }
        }
        print(wait, &rounds);
    }
    assert_ne!(users.stats().rejected, 0, "the messages were understood");
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

/// Loads every key, so that a round begins with a full cache.
fn fill(runtime: &Runtime, cache: &Cache) {
    runtime.block_on(async {
        for key in 0..KEYS {
            cache.get_or_load(&key, || async move { key }).await;
        }
    });
}

/// What a round counts.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    reads: f64,
    loads: f64,
    /// In seconds.
    cpu: f64,
    /// In seconds.
    time: f64,
}

impl Counts {
    fn reads_per_second(&self) -> f64 {
        self.reads / self.time
    }

    fn loads_per_second(&self) -> f64 {
        self.loads / self.time
    }

    /// The share of the reads that load.
    fn loading(&self) -> f64 {
        self.loads / self.reads
    }

    /// The cores in use.
    fn cores(&self) -> f64 {
        self.cpu / self.time
    }
}

/// A round: the threads read, and messages are published meanwhile.
fn measure(runtime: &Runtime, bus: &Bus, cache: &Cache, wait: Duration, messages: u32) -> Counts {
    if messages > 0 {
        // Otherwise the round would begin with reads of the full cache, which are fast.
        runtime.block_on(reject(bus));
        while !cache.is_empty() {
            thread::yield_now();
        }
    }
    let over = AtomicBool::new(false);
    let (start, cpu_before) = (Instant::now(), cpu());
    thread::scope(|scope| {
        let over = &over;
        let readers: Vec<_> = (0..THREADS)
            .map(|seed| scope.spawn(move || read(cache, wait, seed, over)))
            .collect();
        runtime.block_on(async {
            if messages == 0 {
                return sleep(ROUND).await;
            }
            let mut ticks = interval(Duration::from_secs(1) / messages);
            while start.elapsed() < ROUND {
                ticks.tick().await;
                reject(bus).await;
            }
        });
        over.store(true, Ordering::Relaxed);
        let mut counts = Counts::default();
        for reader in readers {
            let (reads, loads) = reader.join().expect("it only reads");
            counts.reads += float(reads);
            counts.loads += float(loads);
        }
        counts.cpu = cpu() - cpu_before;
        counts.time = start.elapsed().as_secs_f64();
        counts
    })
}

/// Publishes a message that is rejected.
async fn reject(bus: &Bus) {
    let published = publish_raw(bus, Users::CHANNEL, UNKNOWN).await;
    published.expect("an in-process bus");
}

/// Reads keys at random until the round is over. Returns the number of reads, and that of loads.
fn read(cache: &Cache, wait: Duration, seed: u64, over: &AtomicBool) -> (u64, u64) {
    let (mut reads, mut loads) = (0, 0);
    let mut random = 0x9E37_79B9_7F4A_7C15 ^ (seed + 1);
    runtime().block_on(async {
        while !over.load(Ordering::Relaxed) {
            for _ in 0..BATCH {
                // Xorshift.
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let key = random % KEYS;
                let load = || {
                    loads += 1;
                    async move {
                        if !wait.is_zero() {
                            sleep(wait).await;
                        }
                        key
                    }
                };
                black_box(cache.get_or_load(&key, load).await);
            }
            reads += BATCH;
        }
    });
    (reads, loads)
}

fn print(wait: Duration, rounds: &[[Counts; 2]]) {
    println!("\n{KEYS} keys, loads that wait for {wait:?}");
    println!("  messages/s       reads/s    loads/s    reads that load    cores");
    for (side, messages) in [0, MESSAGES_PER_SECOND].into_iter().enumerate() {
        let of = |figure: fn(&Counts) -> f64| {
            median(rounds.iter().map(|both| figure(&both[side])).collect())
        };
        println!(
            "  {messages:>10}{:>14.0}{:>11.0}{:>17.2} %{:>9.2}",
            of(Counts::reads_per_second),
            of(Counts::loads_per_second),
            100.0 * of(Counts::loading),
            of(Counts::cores),
        );
    }
    let ratio = |figure: fn(&Counts) -> f64| {
        let ratios = rounds.iter().map(|[calm, hit]| figure(hit) / figure(calm));
        median(ratios.collect())
    };
    let name = format!("{}ms", wait.as_millis());
    let reads = ratio(Counts::reads_per_second);
    println!("ratio rejected_reads_{name} = {reads:.4}");
    let cpu = ratio(|counts| counts.cpu / counts.reads);
    println!("ratio rejected_cpu_per_read_{name} = {cpu:.3}");
}

/// The time that the process has run, in seconds.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name of the program may hold spaces.
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |field: usize| fields[field].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}
