//! A process that reads, and its handle in the test.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use support::Child;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::runtime;
use tokio::time::sleep;

use crate::caches::{Caches, Kind};
use crate::clock::now;
use crate::log::{self, Read};
use crate::place::Place;
use crate::rng::Rng;
use crate::source::{KEYS, Source, keys};

/// The number of readers of caches in memory, as tasks and as threads, and of the cache in Redis.
const TASKS: u64 = 4;
const THREADS: u64 = 1;
const REDIS_TASKS: u64 = 2;

/// The time between two groups of reads, in which other tasks and processes run.
const PAUSE: Duration = Duration::from_millis(1);

/// The longest that a load takes, in milliseconds.
const LOAD: u64 = 4;

/// The handle of a process.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) name: &'static str,
    child: Child,
    log: PathBuf,
}

/// The results of a process.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) reads: Vec<Read>,
    /// The hits of the cache in Redis in its memory level.
    pub(crate) memory_hits: u64,
}

impl Reader {
    /// Starts a process that runs the test of this name as a reader, and waits until it reads. Each of
    /// its tasks makes so many reads between two pauses.
    pub(crate) async fn start(
        test: &str,
        name: &'static str,
        place: &Place,
        folder: &Path,
        seed: u64,
        reads: usize,
    ) -> Self {
        let log = folder.join(name);
        let (seed, reads) = (seed.to_string(), reads.to_string());
        let mut variables = place.variables();
        variables.extend([
            ("FOLDER", folder.to_str().expect("the path is text")),
            ("LOG", log.to_str().expect("the path is text")),
            ("SEED", &seed),
            ("READS", &reads),
        ]);
        let mut child = Child::same_test(test, name, &variables);
        child.says("reading").await;
        Self { name, child, log }
    }

    /// Waits until events are proven to arrive at the process.
    pub(crate) async fn live(&mut self) {
        self.child.tell("live").await;
        self.child.says("is live").await;
    }

    /// Waits until its caches serve many reads from memory.
    pub(crate) async fn filled(&mut self) {
        self.child.tell("filled").await;
        self.child.says("are filled").await;
    }

    /// How often its caches have evicted everything since it began to read, because events may have
    /// been lost.
    pub(crate) async fn flushes(&mut self) -> u64 {
        self.child.tell("flushes").await;
        self.number("flushes since").await
    }

    /// What the process says next of this.
    async fn number(&mut self, of: &str) -> u64 {
        let line = self.child.says(of).await;
        let (number, _) = line.split_once(' ').expect("it begins with a number");
        number.parse().expect("it begins with a number")
    }

    /// Stops the process.
    pub(crate) fn freeze(&self) {
        self.child.freeze();
    }

    pub(crate) fn thaw(&self) {
        self.child.thaw();
    }

    /// Ends the process, and returns its results.
    pub(crate) async fn finish(mut self) -> Report {
        self.child.tell("end").await;
        let memory_hits = self.number("memory hits").await;
        assert!(self.child.finish().await.success());
        Report {
            reads: log::load(&self.log),
            memory_hits,
        }
    }
}

/// Runs a reader until told to end.
pub(crate) async fn play() {
    let variable = |name| env::var(name).expect("`start` sets it");
    let seed: u64 = variable("SEED").parse().expect("`start` sets a number");
    let shared = Arc::new(Shared {
        caches: Caches::start(Place::of_this_process().builder()).await,
        reads: variable("READS").parse().expect("`start` sets a number"),
        source: Source::open(Path::new(&variable("FOLDER"))),
        keys: keys(),
        stop: AtomicBool::new(false),
    });
    let mut seeds = Rng::new(seed);
    let mut rng = || Rng::new(seeds.next());
    let in_memory: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| shared.caches.coherent(*kind).is_some())
        .collect();
    let mut tasks = Vec::new();
    for number in 0..TASKS + REDIS_TASKS {
        let kinds = if number < TASKS {
            in_memory.clone()
        } else {
            vec![Kind::Redis]
        };
        let (shared, rng) = (Arc::clone(&shared), rng());
        tasks.push(tokio::spawn(async move {
            shared.read_in_task(&kinds, rng).await
        }));
    }
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (shared, kinds, rng) = (Arc::clone(&shared), in_memory.clone(), rng());
            let runtime = runtime::Handle::current();
            thread::spawn(move || shared.read_in_thread(&runtime, &kinds, rng))
        })
        .collect();
    let flushes = || shared.caches.items.stats().flushes;
    let begun = flushes();
    println!("reading");

    let mut commands = BufReader::new(stdin()).lines();
    // Ends as well when the test ends, which closes the standard input.
    while let Ok(Some(command)) = commands.next_line().await {
        match command.as_str() {
            "live" => {
                shared.caches.live().await;
                println!("is live");
            }
            "filled" => {
                shared.caches.filled().await;
                println!("caches are filled");
            }
            "flushes" => println!("{} flushes since it reads", flushes() - begun),
            "end" => break,
            other => panic!("unknown command {other:?}"),
        }
    }
    shared.stop.store(true, Ordering::Relaxed);
    let mut reads = Vec::new();
    for task in tasks {
        reads.extend(task.await.expect("readers do not panic"));
    }
    for thread in threads {
        // All tasks have ended, so the thread waits for none of their loads.
        let ended = tokio::task::spawn_blocking(|| thread.join()).await;
        reads.extend(ended.expect("it only waits").expect("readers do not panic"));
    }
    log::save(Path::new(&variable("LOG")), &reads);
    println!("{} memory hits", shared.caches.redis.stats().memory_hits);
}

struct Shared {
    caches: Caches,
    /// Between two pauses of a task.
    reads: usize,
    source: Source,
    keys: Vec<String>,
    stop: AtomicBool,
}

/// A read that is to be done.
struct Plan {
    kind: Kind,
    key: usize,
    live: bool,
    delay: Duration,
}

impl Shared {
    fn plan(&self, kinds: &[Kind], rng: &mut Rng) -> Plan {
        let kind = rng.pick(kinds);
        Plan {
            kind,
            key: usize::try_from(rng.below(KEYS as u64)).expect("there are few"),
            live: self.caches.is_live(kind),
            delay: Duration::from_millis(rng.below(LOAD + 1)),
        }
    }

    async fn carry_out(&self, plan: Plan) -> Read {
        let Plan {
            kind,
            key,
            live,
            delay,
        } = plan;
        let load = || self.source.read(key);
        let while_down = !live && self.caches.serves_while_down(kind, &self.keys[key]);
        let at = now();
        let read = self.caches.read(kind, &self.keys[key], load, delay);
        let (number, loaded) = read.await;
        Read {
            at,
            number: u32::try_from(number).expect("it is not changed that often"),
            key: u16::try_from(key).expect("there are few"),
            kind,
            live,
            loaded,
            while_down,
        }
    }

    async fn read_in_task(&self, kinds: &[Kind], mut rng: Rng) -> Vec<Read> {
        let mut reads = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            for _ in 0..self.reads {
                let plan = self.plan(kinds, &mut rng);
                reads.push(self.carry_out(plan).await);
            }
            sleep(PAUSE).await;
        }
        reads
    }

    fn read_in_thread(&self, runtime: &runtime::Handle, kinds: &[Kind], mut rng: Rng) -> Vec<Read> {
        let mut reads = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            for _ in 0..self.reads {
                let plan = self.plan(kinds, &mut rng);
                reads.push(runtime.block_on(self.carry_out(plan)));
            }
            thread::sleep(PAUSE);
        }
        reads
    }
}
